"""What a badly behaved engine child leads to: a true error, a dead child, never a hang."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.core.client import NOBODY
from services.core.errors import BadRequest, ContextOverflow, EngineFailed, EngineTimeout, ServiceError
from services.core.events import Done, Event, Text
from services.core.settings import Settings
from services.engines.registry import SUFFIXES
from services.engines.worker.limits import Limits
from services.engines.worker.parent import WorkerEngine
from services.models.catalog import Catalog
from tests.engines import alive, fake, request, write_fake_model

IMPATIENT_LOAD = Settings(heartbeat_interval=0.05, model_load_timeout=0.5)
IMPATIENT = Settings(
    heartbeat_interval=0.05,
    first_token_timeout=0.5,
    first_token_timeout_per_token=0.001,
    fallback_silence=0.5,
    cancel_timeout=0.5,
)
PATIENT = Settings(heartbeat_interval=0.05)

DEADLY = {
    "crash": EngineFailed,
    "exit": EngineFailed,
    "closes_output": EngineFailed,
    "garbage": EngineFailed,
    "wrong_type": EngineFailed,
    "unknown_event": EngineFailed,
    "future_run": EngineFailed,
    "false_cancel": EngineFailed,
    "floods": EngineFailed,
    "error": EngineFailed,
    "silent": EngineTimeout,
    "ignores_sigterm": EngineTimeout,
}

Maker = Callable[..., WorkerEngine]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Maker]:
    made: list[WorkerEngine] = []

    def maker(settings: Settings = PATIENT, load_script: str | None = None) -> WorkerEngine:
        write_fake_model(tmp_path, "fake", load_script)
        engine = fake(settings, Catalog(Settings(models_dir=tmp_path), SUFFIXES).resolve("fake"))
        assert isinstance(engine, WorkerEngine)
        made.append(engine)
        engine.start()
        return engine

    yield maker
    for engine in made:
        engine.stop()


def answer(engine: WorkerEngine, script: object) -> list[Event]:
    return list(engine.generate(request(engine.model, json.dumps(script)), NOBODY))


def load(engine: WorkerEngine) -> None:
    list(engine.ready(NOBODY))


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("fault", DEADLY)
def test_a_fault_in_a_run_is_told_once_and_kills_the_child(make: Maker, fault: str, phase: str) -> None:
    engine = make(IMPATIENT if DEADLY[fault] is EngineTimeout else PATIENT)
    load(engine)
    pid = engine.pid
    with pytest.raises(DEADLY[fault]) as caught:
        answer(engine, {"tokens": 5, "fault": fault, "phase": phase, "at": 3})
    assert len(caught.value.message) > 20
    assert not engine.alive
    assert not alive(pid)


@pytest.mark.parametrize("fault", sorted({*DEADLY, "failed"} - {"false_cancel", "future_run", "error"}))
def test_a_fault_while_loading_is_told_and_kills_the_child(make: Maker, fault: str) -> None:
    engine = make(IMPATIENT_LOAD if DEADLY.get(fault) is EngineTimeout else PATIENT, json.dumps({"fault": fault}))
    pid = engine.pid
    with pytest.raises(DEADLY.get(fault, EngineFailed)):
        load(engine)
    assert not alive(pid)


def test_the_end_of_a_child_is_in_the_error(make: Maker) -> None:
    engine = make()
    load(engine)
    with pytest.raises(EngineFailed, match="exit code 3"):
        answer(engine, {"tokens": 2, "fault": "exit"})


def test_a_childs_log_names_the_request(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        engine = make()
        load(engine)
        with pytest.raises(EngineFailed):
            answer(engine, {"tokens": 2, "fault": "exit"})
        engine.stop()
    assert f"[fake {engine.pid} -] the fake engine loads" in caplog.text
    assert f"[fake {engine.pid} test] the fake engine gives up" in caplog.text


@pytest.mark.parametrize(("fault", "error"), [("context", ContextOverflow), ("bad_request", BadRequest)])
def test_a_refused_request_leaves_the_engine_alive(make: Maker, fault: str, error: type[ServiceError]) -> None:
    engine = make()
    load(engine)
    with pytest.raises(error):
        answer(engine, {"fault": fault, "phase": "prefill"})
    assert isinstance(answer(engine, {"text": "fine"})[-1], Done)


def test_late_lines_of_an_old_run_reach_nobody(make: Maker) -> None:
    engine = make()
    load(engine)
    answer(engine, {"text": "one"})
    events = answer(engine, {"text": "two ", "tokens": 2, "fault": "stale_run", "at": 1})
    assert "".join(event.text for event in events if isinstance(event, Text)) == "two two "


def test_a_child_that_ignores_its_cancel_is_killed(make: Maker, tmp_path: Path) -> None:
    engine = make(IMPATIENT)
    load(engine)
    pid = engine.pid
    bell = tmp_path / "bell"
    os.mkfifo(bell)
    script = {"tokens": 5, "fault": "silent", "at": 2, "bell": str(bell)}
    events = engine.generate(request(engine.model, json.dumps(script)), NOBODY)
    next(event for event in events if isinstance(event, Text))
    assert bell.read_text() == "decode\n"
    events.close()  # type: ignore[attr-defined]
    assert not engine.alive
    assert not alive(pid)


def test_a_program_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    write_fake_model(tmp_path, "fake")
    model = Catalog(Settings(models_dir=tmp_path), SUFFIXES).resolve("fake")
    engine = WorkerEngine(model, [str(tmp_path / "nothing")], {}, {}, Limits.of(PATIENT))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(EngineFailed, match="could not be started"):
        engine.start()
    assert len(os.listdir("/proc/self/fd")) == before
    assert not engine.alive
