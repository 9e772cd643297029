"""What every engine must do that makes vectors, whatever it drives."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.chat.vectors import cosine
from services.core.client import NOBODY
from services.core.errors import BadRequest, ContextOverflow, EngineFailed
from services.core.events import Data, Done, Waiting
from services.core.request import EngineRequest
from services.core.settings import Settings
from services.engines.registry import SUFFIXES, spec_of
from services.engines.worker.parent import WorkerEngine
from services.models.catalog import Catalog
from tests.contract.conftest import Rig
from tests.engines import REAL_EMBEDDER, REAL_MODEL, REAL_MODELS, request
from tests.gguf_file import with_head
from tests.rigs import RIGS, SETTINGS, able, names


@pytest.fixture(params=names("embed"))
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    kind = RIGS[request.param]
    assert kind.embed
    return Rig(kind, kind.embed(tmp_path))


@pytest.fixture
def engine(rig: Rig) -> Iterator[WorkerEngine]:
    yield from started(rig.make(rig.model))


def started(engine: WorkerEngine) -> Iterator[WorkerEngine]:
    engine.start()
    for waiting in engine.ready(NOBODY):
        assert waiting.phase == "loading"
    yield engine
    engine.stop()


def asked(engine: WorkerEngine, kind: str, *inputs: Any) -> EngineRequest:
    return request(engine.model, "", kind=kind, messages=(), inputs=inputs)


def run(engine: WorkerEngine, *inputs: Any, kind: str = "embedding") -> tuple[Any, Done]:
    *waits, data, done = engine.generate(asked(engine, kind, *inputs), NOBODY)
    assert all(isinstance(event, Waiting) for event in waits)
    assert isinstance(data, Data)
    assert isinstance(done, Done)
    return data.value, done


def test_each_text_has_a_vector_of_the_length_1(engine: WorkerEngine) -> None:
    values, done = run(engine, "amber birch", "cedar", "amber birch")
    assert [math.hypot(*vector) for vector in values] == pytest.approx([1, 1, 1], abs=1e-5)
    assert len({len(vector) for vector in values}) == 1
    assert values[0] == pytest.approx(values[2], abs=1e-6)
    assert cosine(values[0], values[1]) < 0.99
    assert done.finish_reason == "stop"
    assert done.usage.completion_tokens == 0


def test_a_vector_does_not_depend_on_its_neighbours_or_on_what_came_before(engine: WorkerEngine) -> None:
    ((alone,), single), (together, many) = run(engine, "amber birch"), run(engine, "cedar", "amber birch", "delta")
    assert together[1] == pytest.approx(alone, abs=1e-6)
    assert many.usage.prompt_tokens > single.usage.prompt_tokens > 0


def test_tokens_are_inputs_too(engine: WorkerEngine) -> None:
    values, done = run(engine, (101, 102), (102,))
    assert values[0] != values[1]
    assert done.usage.prompt_tokens == 3


def test_closing_cancels_and_the_next_vectors_are_whole(engine: WorkerEngine, rig: Rig) -> None:
    whole, _ = run(engine, "amber birch")
    events = engine.generate(asked(engine, "embedding", *rig.kind.many_texts), NOBODY)
    assert isinstance(next(events), Waiting)
    events.close()  # type: ignore[attr-defined]
    assert engine.alive
    assert run(engine, "amber birch")[0][0] == pytest.approx(whole[0], abs=1e-6)


def test_a_crash_is_told(engine: WorkerEngine, rig: Rig) -> None:
    events = engine.generate(asked(engine, "embedding", *rig.kind.many_texts), NOBODY)
    next(events)
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineFailed):
        list(events)
    assert not engine.alive


with_a_model = able("embed", "trained")


@with_a_model
def test_near_texts_are_nearer_than_others(engine: WorkerEngine) -> None:
    (cat, kitten, market), done = run(engine, "A cat sat on the mat.", "A kitten rests on a rug.", "Shares fell today.")
    assert cosine(cat, kitten) > 0.5
    assert abs(cosine(cat, market)) < 0.3
    assert 15 < done.usage.prompt_tokens < 40


@with_a_model
def test_a_text_over_the_context_is_refused_with_both_numbers(engine: WorkerEngine) -> None:
    with pytest.raises(ContextOverflow) as caught:
        run(engine, "fine", "word " * 600)
    assert caught.value.prompt_tokens > caught.value.context_length == 512
    with pytest.raises(BadRequest):
        run(engine, (10**7,))
    assert engine.alive


def test_a_chat_model_can_be_told_to_make_vectors_besides(tmp_path: Path) -> None:
    folder = tmp_path / "both"
    folder.mkdir()
    (folder / "both.gguf").symlink_to(Catalog(Settings(models_dir=REAL_MODELS), SUFFIXES).resolve(REAL_MODEL).path)
    (folder / "model.yaml").write_text("capabilities: [chat, embedding]\ncontext_length: 1024\n")
    model = Catalog(Settings(models_dir=tmp_path), SUFFIXES).resolve("both")
    assert model.pooling == "mean"
    for engine in started(spec_of(model).make(SETTINGS, model)):  # type: ignore[arg-type]
        values, _ = run(engine, "hello", "word " * 500)
        assert [len(vector) for vector in values] == [576, 576]
        assert isinstance(list(engine.generate(request(model, "Say hello."), NOBODY))[-1], Done)


def test_a_model_made_for_reranking_gives_scores(tmp_path: Path) -> None:
    """MiniLM with a head that nobody trained: what it says is nonsense, how it says it is not."""
    (tmp_path / "ranker").mkdir()
    original = Catalog(Settings(models_dir=REAL_MODELS), SUFFIXES).resolve(REAL_EMBEDDER).path
    (tmp_path / "ranker" / "ranker.gguf").write_bytes(with_head(original.read_bytes()))
    model = Catalog(Settings(models_dir=tmp_path), SUFFIXES).resolve("ranker")
    assert model.capabilities == {"rerank"}
    for engine in started(spec_of(model).make(SETTINGS, model)):  # type: ignore[arg-type]
        scores, done = run(engine, "a question", "one text", "quite another text", "one text", kind="rerank")
        assert len(scores) == 3
        assert scores[0] == pytest.approx(scores[2], abs=1e-5)
        assert scores[0] != scores[1]
        assert done.usage.prompt_tokens > 12


@pytest.mark.parametrize("name", names(without="embed"))
def test_an_engine_without_vectors_refuses_them(tmp_path: Path, name: str) -> None:
    installation = RIGS[name].install(tmp_path)
    model = installation.model()
    wanted = request(model, "", kind="embedding", messages=(), inputs=("x",))
    for engine in started(installation.make(model)):  # type: ignore[arg-type]
        with pytest.raises(BadRequest, match="embedding"):
            list(engine.generate(wanted, NOBODY))
