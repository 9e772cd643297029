"""What a badly behaved engine child leads to: a true error, a dead child, never a hang."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.core.client import NOBODY
from services.core.errors import BadRequest, ContextOverflow, EngineFailed, EngineTimeout, ServiceError, Unavailable
from services.core.events import Done, Event, Text
from services.core.settings import Settings
from services.engines.registry import SUFFIXES
from services.engines.worker import limits
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
    "memory": EngineFailed,
    "grandchild": EngineFailed,
    "silent": EngineTimeout,
    "ignores_sigterm": EngineTimeout,
}

Maker = Callable[..., WorkerEngine]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Maker]:
    made: list[WorkerEngine] = []
    write_fake_model(tmp_path, "fake")
    model = Catalog(Settings(models_dir=tmp_path), SUFFIXES).resolve("fake")

    def maker(settings: Settings = PATIENT, load_script: str | None = None) -> WorkerEngine:
        if load_script is not None:
            (model.path.parent / "load.json").write_text(load_script)
        engine = fake(settings, model)
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


@pytest.mark.parametrize("fault", sorted({*DEADLY, "failed"} - {"false_cancel", "future_run", "error", "memory"}))
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


def test_an_exception_of_a_worker_fails_one_request_with_its_text(make: Maker) -> None:
    engine = make()
    load(engine)
    with pytest.raises(EngineFailed, match="ZeroDivisionError: a bug on purpose"):
        answer(engine, {"fault": "bug"})
    assert isinstance(answer(engine, {"text": "fine"})[-1], Done)


@pytest.mark.parametrize("load_script", [None, json.dumps({"fault": "crash"})])
def test_nothing_of_a_child_is_left_on_the_disk(
    make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load_script: str | None
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    engine = make(PATIENT, load_script)
    assert len(list(folder.iterdir())) == 1
    with contextlib.suppress(EngineFailed):
        load(engine)
    engine.stop()
    assert not list(folder.iterdir())


def test_the_group_of_an_ended_child_is_not_killed_where_its_number_is_another_s(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make()
    load(engine)
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineFailed):
        engine._child and list(engine._child.lines(1))
    killed: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, _signal: killed.append(group))
    monkeypatch.setattr(os.path, "exists", lambda path: path == f"/proc/{engine.pid}")
    engine.stop()
    assert not killed


@pytest.fixture
def descriptors() -> Iterator[list[int]]:
    """All descriptors that are free, taken; closing some of them makes room."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    taken: list[int] = []
    with contextlib.suppress(OSError):
        while True:
            taken.append(os.dup(0))
    yield taken
    for fd in taken:
        os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("free", range(10))
def test_a_start_without_descriptors_is_unavailable_and_leaves_nothing(
    make: Maker, descriptors: list[int], free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    room = [descriptors.pop() for _ in range(free)]
    for fd in room:
        os.close(fd)
    with pytest.raises(Unavailable, match="as many files"):
        make()
    descriptors += [os.dup(0) for _ in room]
    with pytest.raises(OSError, match="Too many open files"):
        os.dup(0)
    os.close(descriptors.pop())
    assert not [name for name in os.listdir(tmp_path) if name.startswith("rkllm-")]


def test_a_grammar_that_takes_too_long_costs_its_own_request(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRAMMAR", 0.1)
    engine = make(Settings(heartbeat_interval=0.05, first_token_timeout_per_token=0.001))
    load(engine)
    asked = request(engine.model, json.dumps({"fault": "silent", "phase": "prefill"}), grammar="start: %json {}")
    with pytest.raises(EngineTimeout, match="a schema that is too large"):
        list(engine.generate(asked, NOBODY))
    assert not engine.alive


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
