"""What every engine must do that makes vectors, whatever it drives."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.chat.vectors import cosine
from services.core.client import NOBODY
from services.core.errors import BadRequest, ContextOverflow, EngineFailed
from services.core.events import Data, Done, Waiting
from services.core.model import Model
from services.core.request import EngineRequest
from services.core.settings import Settings
from services.engines.registry import SUFFIXES, spec_of
from services.engines.worker.parent import WorkerEngine
from services.models.catalog import Catalog
from tests.contract.conftest import SETTINGS
from tests.engines import REAL_EMBEDDER, REAL_MODEL, REAL_MODELS, fake, request, write_cli_model, write_fake_model
from tests.gguf_file import with_head
from tests.npu import npu_engine, npu_model, npu_settings

EMBEDS = "capabilities: [embedding]\n"


@dataclass
class Rig:
    model: Model
    make: Callable[[Model], Any]
    many: list[str]
    """Inputs that take a while together."""


def real(models_dir: Path) -> Rig:
    model = Catalog(Settings(models_dir=REAL_MODELS), SUFFIXES).resolve(REAL_EMBEDDER)
    return Rig(model, lambda m: spec_of(m).make(SETTINGS, m), ["Say it again. " * 60] * 32)


def scripted(models_dir: Path) -> Rig:
    write_fake_model(models_dir, "fake", settings=EMBEDS)
    model = Catalog(Settings(models_dir=models_dir), SUFFIXES).resolve("fake")
    return Rig(model, lambda m: fake(SETTINGS, m), ['{"prefill_steps": 100, "prefill_delay": 0.02}'])


def npu(models_dir: Path, release: str) -> Rig:
    make = npu_engine(npu_settings(models_dir, release), RKLLM_SIM_PREFILL_US="500")
    return Rig(npu_model(models_dir, embeds=True, tokenizer=True), make, ["Say it again. " * 10] * 32)


RIGS: dict[str, Callable[[Path], Rig]] = {
    "fake": scripted,
    "llama": real,
    "rkllm-1.2.3": lambda folder: npu(folder, "1.2.3"),
    "rkllm-1.3.0": lambda folder: npu(folder, "1.3.0"),
}


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    return RIGS[request.param](tmp_path)


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
    events = engine.generate(asked(engine, "embedding", *rig.many), NOBODY)
    assert isinstance(next(events), Waiting)
    events.close()  # type: ignore[attr-defined]
    assert engine.alive
    assert run(engine, "amber birch")[0][0] == pytest.approx(whole[0], abs=1e-6)


def test_a_crash_is_told(engine: WorkerEngine, rig: Rig) -> None:
    events = engine.generate(asked(engine, "embedding", *rig.many), NOBODY)
    next(events)
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineFailed):
        list(events)
    assert not engine.alive


with_a_model = pytest.mark.parametrize("rig", ["llama"], indirect=True)


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


def test_the_rkllm_program_makes_none(tmp_path: Path) -> None:
    model = write_cli_model(tmp_path, "cli")
    settings = msgspec.structs.replace(SETTINGS, npu_lock=tmp_path / "npu.lock")
    engine = spec_of(model).make(settings, model)
    with pytest.raises(BadRequest, match="embedding"):
        list(engine.generate(request(model, "", kind="embedding", messages=(), inputs=("x",)), NOBODY))
