"""Embeddings on the NPU: the simulated runtime's hidden states, of both releases."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from services.core.client import NOBODY
from services.core.errors import BadRequest, ContextOverflow, EngineFailed
from services.core.events import Data, Done, Event
from services.core.request import EngineRequest
from services.engines.worker.parent import WorkerEngine
from tests.engines import request
from tests.npu import Bench
from tests.simulator.model import FIRST_WORD, hidden, runtime_template, tokens


def vectors_job(engine: WorkerEngine, *inputs: Any) -> EngineRequest:
    return request(engine.model, "", kind="embedding", messages=(), inputs=inputs)


def made(engine: WorkerEngine, *inputs: Any) -> tuple[list[list[float]], Done]:
    *_, data, done = engine.generate(vectors_job(engine, *inputs), NOBODY)
    assert isinstance(data, Data)
    assert isinstance(done, Done)
    return data.value, done


def expected(context: list[int]) -> Any:
    state = hidden(context)
    return pytest.approx([value / math.hypot(*state) for value in state], abs=1e-6)


@pytest.fixture
def engine(bench: Bench) -> WorkerEngine:
    return bench.loaded(model={"embeds": True})


def test_the_last_tokens_hidden_state_at_the_length_1(engine: WorkerEngine) -> None:
    values, done = made(engine, "amber birch", "amber", "amber birch")
    assert values == [expected(tokens("amber birch")), expected(tokens("amber")), expected(tokens("amber birch"))]
    assert done.usage.prompt_tokens == 2 + 1 + 2
    assert done.usage.completion_tokens == 0


def test_tokens_go_as_they_are(engine: WorkerEngine) -> None:
    ids = (FIRST_WORD, FIRST_WORD + 3)
    assert made(engine, ids)[0] == [expected(list(ids))]
    with pytest.raises(BadRequest, match="99999"):
        made(engine, (1, 99999))
    assert engine.alive


def test_many_runs_leave_nothing_behind(engine: WorkerEngine) -> None:
    for index in range(200):
        assert made(engine, f"text {index % 7}")[0] == [expected(tokens(f"text {index % 7}"))]


def test_without_a_tokenizer_the_runtime_puts_its_template_around_a_text(bench: Bench) -> None:
    engine = bench.loaded(model={"embeds": True, "tokenizer": False})
    values, done = made(engine, "amber")
    assert values == [expected(tokens(runtime_template("amber")))]
    assert done.usage.prompt_tokens == len(tokens(runtime_template("amber")))
    with pytest.raises(BadRequest, match=r"tokenizer\.json"):
        made(engine, (1, 2))


@pytest.mark.parametrize("tokenizer", [True, False])
def test_a_text_over_the_context_is_refused_with_both_numbers(bench: Bench, tokenizer: bool) -> None:
    engine = bench.loaded(model={"embeds": True, "tokenizer": tokenizer})
    with pytest.raises(ContextOverflow) as caught:
        made(engine, "word " * 1000)
    assert caught.value.prompt_tokens > caught.value.context_length == 4092
    assert made(engine, "amber")


@pytest.mark.parametrize("fault", ["no_hidden", "fail", "error", "segv"])
def test_a_run_that_fails_is_told_and_ends_the_engine(engine: WorkerEngine, fault: str) -> None:
    with pytest.raises(EngineFailed):
        made(engine, f"amber [[fault={fault} at=-1]]")
    assert not engine.alive


def test_a_cancel_ends_between_two_texts_and_the_engine_lives(bench: Bench) -> None:
    engine = bench.loaded(model={"embeds": True}, RKLLM_SIM_PREFILL_US="2000")
    events: Iterator[Event] = iter(engine.generate(vectors_job(engine, *["some text"] * 100), NOBODY))
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert engine.alive
    assert made(engine, "amber")[0] == [expected(tokens("amber"))]


def test_a_model_for_embeddings_answers_nothing_and_the_other_way_round(engine: WorkerEngine, bench: Bench) -> None:
    with pytest.raises(BadRequest, match="embeddings"):
        list(engine.generate(request(engine.model, "Hello."), NOBODY))
    engine.stop()
    other = bench.loaded(model={"name": "other"})
    with pytest.raises(BadRequest, match="vectors"):
        made(other, "amber")
