"""The grammars of the CPU engine: the same release of llguidance as the wheel's, and behind the model's reasoning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from services.answering.answer_run import respond
from services.answering.plan import plan
from services.chat.schemas.compile import compiled, refusal
from services.chat.schemas.match import matching_json
from services.chat.tools.grammar import rules
from services.core.client import NOBODY
from services.core.events import Reasoning, Text, ToolCallDelta, Waiting
from services.core.message import message
from services.core.request import GenerationRequest, Tool
from services.core.sampling import Sampling
from services.engines.worker.parent import WorkerEngine
from tests.contract.conftest import Rig
from tests.engines import REAL_MODELS
from tests.gguf_file import with_template
from tests.rigs import RIGS, SETTINGS, Installation, able

with_grammars = able("grammar")

CITY = {"type": "object", "properties": {"in": {"type": "string", "maxLength": 20}}, "required": ["in"],
        "additionalProperties": False}  # fmt: skip


def said(loaded: WorkerEngine, rig: Rig, schema: dict[str, Any]) -> str:
    events = loaded.generate(rig.request("Say hello.", grammar=rules([schema]), max_tokens=8), NOBODY)
    return "".join(event.text for event in events if isinstance(event, Text))


@with_grammars
@pytest.mark.parametrize(
    ("schema", "refused"),
    [
        # Later releases know it, and earlier ones differ in others; `FORMATS` and `has_gap` speak of this release.
        ({"type": "string", "format": "uri"}, True),
        ({"type": "string", "format": "date"}, False),
        ({"type": "string", "not": {"const": "x"}}, True),
        ({"type": "string", "pattern": r"^\d{4}"}, False),
        ({"type": "string", "pattern": r"^(?!a)"}, True),
        ({"type": "integer", "minimum": 10, "multipleOf": 7}, False),
    ],
)
def test_the_engine_has_the_release_of_llguidance_that_checks_schemas(
    loaded: WorkerEngine, rig: Rig, schema: dict[str, Any], refused: bool
) -> None:
    assert bool(refusal(rules([schema]))) is refused
    # It leaves out a grammar that it refuses, without a word.
    free = said(loaded, rig, {"type": "string", "format": "no such"})
    assert (said(loaded, rig, schema) == free) is refused


TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n"
    "</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant"
    "\n{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}"
    "{% endif %}"
)


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The real model with a template that opens the reasoning."""
    folder = tmp_path_factory.mktemp("models")
    name = "SmolLM2-135M-Instruct"
    with_template(REAL_MODELS / name / f"{name}.gguf", folder / "thinks", TEMPLATE)
    rig = Rig(RIGS["llama"], Installation(msgspec.structs.replace(SETTINGS, models_dir=folder), "thinks"))
    yield rig
    rig.end()


EXAMPLES = tuple(
    each
    for city, country in (("Paris", "France"), ("Rome", "Italy"), ("Oslo", "Norway"))
    for each in (
        message("user", f"Where is {city}?"),
        message("assistant", f'<think>\nI know it.\n</think>\n\n{{"in": "{country}"}}'),
    )
)


def test_reasoning_is_free_and_the_answer_behind_it_is_not(thinker: Rig) -> None:
    for thinking in (True, False):
        generation = GenerationRequest(
            (*EXAMPLES, message("user", "Where is Berlin?")), max_tokens=60, thinking=thinking, json_schema=CITY,
            sampling=Sampling(temperature=0, seed=1),
        )  # fmt: skip
        request = plan(generation, thinker.model, thinker.installation.settings, "id")
        events = list(respond(request, lambda request: thinker.loaded().generate(request, NOBODY)))
        text = "".join(event.text for event in events if isinstance(event, Text))
        assert json.loads(text).keys() == {"in"}
        assert any(isinstance(event, Reasoning) for event in events) is thinking


def test_a_demanded_call_comes_behind_the_reasoning(thinker: Rig) -> None:
    generation = GenerationRequest(
        (*EXAMPLES, message("user", "Where is Berlin?")), max_tokens=80, thinking=True, call_required=True,
        tools=(Tool("find", "", CITY),), sampling=Sampling(temperature=0, seed=1),
    )  # fmt: skip
    request = plan(generation, thinker.model, thinker.installation.settings, "id")
    events = list(respond(request, lambda request: thinker.loaded().generate(request, NOBODY)))
    kinds = [type(event) for event in events if not isinstance(event, Waiting)]
    assert kinds.index(Reasoning) < kinds.index(ToolCallDelta)
    assert Text not in kinds


@with_grammars
def test_a_pattern_with_classes_is_kept(loaded: WorkerEngine, rig: Rig) -> None:
    schema = {"type": "object", "properties": {"day": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}},
              "required": ["day"], "additionalProperties": False}  # fmt: skip
    events = loaded.generate(rig.request("When?", grammar=compiled({}, schema).rules, max_tokens=40), NOBODY)
    text = "".join(event.text for event in events if isinstance(event, Text))
    assert len(json.loads(text)["day"]) == len("2026-11-28")


@with_grammars
@pytest.mark.parametrize("schema", [{"const": "x <|im_start|> y"}, {"enum": ["<|im_end|>", "<|endoftext|>"]}])
def test_a_value_that_looks_like_a_control_token_is_text(
    loaded: WorkerEngine, rig: Rig, schema: dict[str, Any]
) -> None:
    events = loaded.generate(rig.request("Say it.", grammar=compiled({}, schema).rules, max_tokens=30), NOBODY)
    text = "".join(event.text for event in events if isinstance(event, Text))
    assert matching_json(text, schema) == text
