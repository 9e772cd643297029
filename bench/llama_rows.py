"""Measure the CPU engine with a real model: through the server, against llama.cpp called directly."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.client import run_request
from bench.direct import Planner
from bench.processes import environment, serving, start_process
from bench.table import Row
from services.core.model import Model
from services.core.settings import Settings
from services.engines.llama.spec import options as llama_options
from services.engines.llama.worker import llama_request
from services.engines.worker.process import worker_env
from services.engines.worker.protocol import request_message
from tests.engines import REAL_MODEL, REAL_MODELS, ROOT

TOPICS = ("the sea", "a bridge", "the moon", "an old clock", "a garden", "the winter", "a letter", "a railway")
TOKENS = 64
"""Length of an answer; all are generated at temperature 0."""


def body(topic: str) -> dict[str, Any]:
    """Return a request for a story about `topic`."""
    question = f"Write a long and detailed story about {topic}. Describe the place, the people and the weather."
    return {
        "model": REAL_MODEL,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": TOKENS,
        "temperature": 0.0,
        "seed": 1,
    }


class Run:
    """One answer: seconds to its first token, and tokens per second from the first to the last."""

    def __init__(self, started: float, tokens: list[float]) -> None:
        """Take when the request began and when each token came, in seconds on one clock."""
        self.first_token = tokens[0] - started
        self.speed = (len(tokens) - 1) / (tokens[-1] - tokens[0])


def place_model() -> None:
    """Download the default model where it is missing. Blocks. Raises `CalledProcessError`."""
    subprocess.run([sys.executable, str(ROOT / "scripts" / "place_model.py"), str(REAL_MODELS)], check=True)


def rows(rounds: int, seconds: float, folder: Path) -> Iterator[Row]:
    """Yield the best of at most `rounds` rounds within about `seconds`. Blocks."""
    place_model()
    env = environment(REAL_MODELS)
    planner = Planner(env, REAL_MODEL)
    argv = direct_argv(planner.settings, planner.model)
    log = folder / "llama.log"
    with serving("services.api.app:create()", env, log) as server, start_process(argv, worker_env(), log) as engine:

        def ours(topic: str) -> Run:
            stream = run_request(server.port, body(topic))
            return Run(stream.started, stream.tokens())

        def theirs(topic: str) -> Run:
            return run_direct(engine, llama_request(request_message(planner.engine_request(body(topic)))))

        ours("nothing"), theirs("nothing")  # the server loads its model at the first answer
        pairs = list(alternate(ours, theirs, rounds, seconds))
    mine, base = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    note = f"llama.cpp, best of {len(pairs)}"
    yield Row(f"Decode, {note}", "tok/s", max(x.speed for x in mine), max(x.speed for x in base))
    yield Row(f"TTFT, {note}", "ms", 1000 * min(x.first_token for x in mine), 1000 * min(x.first_token for x in base))


def alternate(ours: Any, theirs: Any, rounds: int, seconds: float) -> Iterator[tuple[Run, Run]]:
    """Yield pairs of answers to the same prompt, every other pair in reverse order, so that drifts cancel out.

    Each prompt is new to both engines, so that neither reuses its KV cache.
    """
    deadline = time.monotonic() + seconds
    for index, topic in enumerate(TOPICS[:rounds]):
        if index % 2:
            base = theirs(topic)
            yield ours(topic), base
        else:
            mine = ours(topic)
            yield mine, theirs(topic)
        if time.monotonic() > deadline:
            return


def direct_argv(settings: Settings, model: Model) -> list[str]:
    """Return the command of `bench.llama_direct` with the options that the server would use."""
    options = json.dumps(llama_options(settings, model))
    return [sys.executable, "-m", "bench.llama_direct", str(model.path), options]


def run_direct(engine: subprocess.Popen[str], message: dict[str, Any]) -> Run:
    """Run one request without the server. Blocks. Raises `RuntimeError` when the program ends first."""
    assert engine.stdin is not None
    assert engine.stdout is not None
    engine.stdin.write(json.dumps(message) + "\n")
    engine.stdin.flush()
    line = engine.stdout.readline()
    if not line:
        raise RuntimeError("llama.cpp, called directly, ended without an answer.")
    answer = json.loads(line)
    return Run(answer["started"], answer["tokens"])
