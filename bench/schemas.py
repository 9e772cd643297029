"""Ask the CPU engine with the real model for JSON of many schemas, and count what becomes of the answers.

No answer may end with ``stop`` and violate its schema; the program then ends with 1. It holds the answers against
another validator than the server does. The model is pushed towards a wrong value, so that the schema keeps an answer
right, and not the model.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from jsonschema.validators import validator_for
from jsonschema_rs import is_valid

from bench.direct import Planner
from bench.table import machine
from services.answering.answer_run import respond
from services.answering.plan import data_request, plan
from services.core.client import NOBODY
from services.core.errors import ServiceError
from services.core.events import Data, Done, Text
from services.core.message import message
from services.core.request import EngineRequest, GenerationRequest
from services.core.sampling import Sampling
from services.engines.base import Engine
from services.engines.llama.spec import LLAMA
from tests.engines import REAL_MODEL, REAL_MODELS, ROOT

PUSH = 8.0
"""What is added to the logits of the tokens of a wrong value."""

QUESTION = message("user", "Answer with an example.")


def token_ids(engine: Engine, request: EngineRequest) -> Iterator[int]:
    """Yield the tokens of the request's input. Blocks."""
    for event in engine.generate(replace(request, special_tokens=False), NOBODY):
        if isinstance(event, Data):
            yield from event.value[0]["ids"]


def outcome(engine: Engine, request: EngineRequest, schema: dict[str, Any]) -> str:
    """Return what became of an answer: ``kept``, ``BROKEN``, ``length``, or the code of the error. Blocks."""
    try:
        events = list(respond(request, lambda request: engine.generate(request, NOBODY)))
    except ServiceError as error:
        return error.code or "refused (400)"
    done = events[-1]
    assert isinstance(done, Done)
    if done.finish_reason != "stop":
        return done.finish_reason
    return judged("".join(event.text for event in events if isinstance(event, Text)), schema)


def judged(text: str, schema: dict[str, Any]) -> str:
    """Return whether a finished answer satisfies its schema."""
    try:
        value = json.loads(text)
        error = next(validator_for(schema)(schema).iter_errors(value), None)
    except re.error:  # Python's expressions are others than those of JSON schemas
        return "kept" if is_valid(schema, value) else f"BROKEN: {text!r}"
    except ValueError:
        return f"BROKEN: {text!r} is no JSON"
    return "kept" if error is None else f"BROKEN: {text!r}: {error.message}"


def answers(engine: Engine, planner: Planner, entry: dict[str, Any], seeds: int, tokens: int) -> Iterator[str]:
    """Yield the outcomes of a schema: once without a push, then with one. Blocks."""
    wrong = data_request("tokenize", planner.model, (json.dumps(entry.get("wrong")),), "bench")
    pushed = {str(token): PUSH for token in token_ids(engine, wrong)} if "wrong" in entry else {}
    for seed in range(seeds):
        sampling = Sampling(temperature=1, seed=seed, logit_bias=pushed if seed else None)
        generation = GenerationRequest(
            (QUESTION,), max_tokens=tokens, sampling=sampling, json_schema=entry["schema"], thinking=False
        )
        try:
            request = plan(generation, planner.model, planner.settings, "bench")
        except ServiceError:
            yield "refused (400)"
        else:
            yield outcome(engine, request, entry["schema"])


def run(engine: Engine, planner: Planner, seeds: int, tokens: int) -> bool:
    """Print the outcomes of all schemas, and return whether none is broken. Blocks."""
    counts: Counter[str] = Counter()
    for entry in json.loads((ROOT / "tests" / "data" / "schemas.json").read_text()):
        for found in answers(engine, planner, entry, seeds, tokens):
            counts[found.partition(":")[0]] += 1
            if found.startswith("BROKEN"):
                print(json.dumps(entry["schema"]), found, flush=True)
    for name, count in counts.most_common():
        print(f"{count:5} {name}")
    return not counts["BROKEN"]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.schemas", description="Ask for JSON of many schemas")
    parser.add_argument("--seeds", type=int, default=3, help="answers per schema")
    parser.add_argument("--tokens", type=int, default=48, help="length of an answer")
    args = parser.parse_args()
    planner = Planner({"RKLLM_MODELS_DIR": str(REAL_MODELS)}, REAL_MODEL)
    engine = LLAMA.make(planner.settings, planner.model)
    engine.start()
    try:
        for _ in engine.ready(NOBODY):
            pass
        print(machine(), flush=True)
        right = run(engine, planner, args.seeds, args.tokens)
    finally:
        engine.stop()
    sys.exit(not right)


if __name__ == "__main__":
    main()
