"""The scheduler, with engines that are plain objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.core.caller import Caller
from services.core.client import NOBODY, Client
from services.core.errors import EngineFailed
from services.core.events import Done, Event, Text, Usage, Waiting
from services.core.model import Model
from services.core.request import EngineRequest
from services.core.settings import Settings
from services.scheduler.scheduler import Monitor, Scheduler

A = Model("a", Path("a.gguf"), "llama", 4096, 0, 0)
B = replace(A, id="b")


class Puppet:
    """An engine whose moves are recorded."""

    def __init__(self, model: Model, moves: list[str], load_fails: bool = False) -> None:
        self.model, self.moves, self.load_fails = model, moves, load_fails
        self.alive, self.pid = False, 7
        self.info: dict[str, str | int | float] = {}

    def note(self, move: str) -> None:
        self.moves.append(f"{move} {self.model.id}")

    def start(self) -> None:
        self.note("start")
        self.alive = True

    def ready(self, client: Client) -> Iterator[Waiting]:
        yield Waiting("loading")
        if self.load_fails:
            raise EngineFailed("no")

    def generate(self, request: EngineRequest, client: Client) -> Iterator[Event]:
        try:
            yield Text("x")
            yield Done("stop", Usage(10, 1, 9))
        finally:
            self.note("end")

    def stop(self) -> None:
        self.note("stop")
        self.alive = False


def request(model: Model) -> EngineRequest:
    return EngineRequest("id", model, "chat")


@pytest.fixture
def moves() -> list[str]:
    return []


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def scheduler(moves: list[str], now: list[float]) -> Scheduler:
    settings = Settings(idle_unload_timeout=100)
    return Scheduler(settings, lambda model: Puppet(model, moves, model.id == "broken"), lambda: now[0])


def serve(scheduler: Scheduler, model: Model) -> list[Event]:
    return list(scheduler.serve(request(model), NOBODY))


def test_a_model_is_loaded_once_and_swapped_where_only_one_may_be_loaded(moves: list[str]) -> None:
    scheduler = Scheduler(Settings(models_resident=1), lambda model: Puppet(model, moves))
    for model in (A, A, B):
        serve(scheduler, model)
    assert moves == ["start a", "end a", "end a", "stop a", "start b", "end b"]


def test_changed_settings_of_a_model_load_it_again(scheduler: Scheduler, moves: list[str]) -> None:
    serve(scheduler, A)
    serve(scheduler, replace(A, context_length=8192))
    assert moves.count("start a") == 2


def test_closing_the_events_ends_the_run_and_frees_the_slot(scheduler: Scheduler, moves: list[str]) -> None:
    events = scheduler.serve(request(A), NOBODY)
    assert next(events) == Waiting("loading")
    assert next(events) == Text("x")
    assert scheduler.status().active_request == "id"
    events.close()  # type: ignore[attr-defined]
    assert moves[-1] == "end a", "the engine is idle before the close returns"
    assert scheduler.status().active_request is None
    assert (scheduler._queue._owner, scheduler.status().waiting) == (None, 0)
    serve(scheduler, A)


def test_a_key_is_not_told_of_the_tokens_that_another_one_s_prompt_left(scheduler: Scheduler) -> None:
    def told(name: str) -> int:
        *_, done = scheduler.serve(request(A), Client(caller=Caller(name)))
        assert isinstance(done, Done)
        return done.usage.cached_tokens

    assert [told("a"), told("b"), told("b")] == [9, 0, 9]
    counted = scheduler._metrics.registry.get_sample_value("rkllm_prompt_tokens_cached_total", {"model": "a"})
    assert counted == 18, "the metrics need no key"


def test_a_failed_load_leaves_nothing_behind(scheduler: Scheduler, moves: list[str]) -> None:
    with pytest.raises(EngineFailed):
        serve(scheduler, replace(A, id="broken"))
    assert scheduler.status().model is None
    assert moves == ["start broken", "stop broken"]
    serve(scheduler, A)


def test_status_is_a_snapshot(scheduler: Scheduler) -> None:
    assert scheduler.status().model is None
    assert scheduler.status().engine_pid is None
    list(scheduler.select(A, NOBODY))
    status = scheduler.status()
    assert (status.model, status.process_healthy, status.engine_pid, status.waiting) == ("a", True, 7, 0)


def test_an_idle_model_is_unloaded_after_its_time_and_not_before(
    scheduler: Scheduler, moves: list[str], now: list[float]
) -> None:
    serve(scheduler, A)
    now[0] = 99
    scheduler.tidy()
    assert "stop a" not in moves
    now[0] = 100
    scheduler.tidy()
    assert moves[-1] == "stop a"


def test_nothing_is_tidied_while_a_request_has_the_slot(
    scheduler: Scheduler, moves: list[str], now: list[float]
) -> None:
    events = scheduler.serve(request(A), NOBODY)
    next(events)
    now[0] = 1000
    scheduler.tidy()
    assert "stop a" not in moves
    events.close()  # type: ignore[attr-defined]


def test_idle_unload_can_be_off(moves: list[str]) -> None:
    now = [0.0]
    scheduler = Scheduler(Settings(idle_unload_timeout=0), lambda model: Puppet(model, moves), lambda: now[0])
    serve(scheduler, A)
    now[0] = 1e9
    scheduler.tidy()
    assert "stop a" not in moves


def test_a_dead_engine_is_tidied_away(scheduler: Scheduler, moves: list[str]) -> None:
    engines: list[Puppet] = []
    scheduler = Scheduler(Settings(), lambda model: engines.append(Puppet(model, moves)) or engines[-1])  # type: ignore[func-returns-value]
    serve(scheduler, A)
    engines[0].alive = False
    scheduler.tidy()
    assert scheduler.status().model is None


def test_the_monitor_survives_a_failure() -> None:
    calls: list[int] = []

    def tidy() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("on purpose")
        monitor.stop()

    monitor = Monitor(tidy, 0.001)
    monitor._loop()
    assert len(calls) == 2
