"""What the metrics count for answers, errors, cancels, crashes and swaps, with the times of a scripted clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.core.caller import Caller
from services.core.client import NOBODY, Client
from services.core.errors import BadRequest, ClientGone, EngineFailed, EngineTimeout, QueueFull, ServiceError
from services.core.events import Done, Event, Reasoning, Text, TokenLogprob, Usage, Waiting
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.request import EngineRequest
from services.core.settings import Settings
from services.core.trace import Trace
from services.scheduler.run_metrics import RunMetrics
from services.scheduler.scheduler import Scheduler

A = Model("a", Path("a.gguf"), "llama", 1000, 0, 0)
B = replace(A, id="b")
ANSWER = (Waiting("prefill"), Reasoning("hm"), Text("x"), Waiting("decode"), Text("y"), Done("stop", Usage(30, 3, 10)))

Script = tuple[Event | Exception, ...]


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Puppet:
    """An engine that plays a script; an exception in it ends the engine as a real one's does."""

    def __init__(self, model: Model, rig: Rig) -> None:
        self.model, self.rig = model, rig
        self.alive, self.pid, self.loaded = False, 7, False
        self.info = {"runtime": "9.9.9"}

    def start(self) -> None:
        self.alive = True

    def ready(self, client: Client) -> Iterator[Waiting]:
        if self.loaded:
            return
        yield Waiting("loading")
        self.loaded = True
        self.rig.clock.now += self.rig.load_time
        if self.rig.load_error:
            self.alive = False
            raise self.rig.load_error

    def generate(self, request: EngineRequest, client: Client) -> Iterator[Event]:
        for step in self.rig.script:
            self.rig.clock.now += 1
            if isinstance(step, Exception):
                self.alive = isinstance(step, BadRequest | ClientGone)
                raise step
            yield step

    def stop(self) -> None:
        self.alive = False


class Rig:
    """A scheduler with puppets as engines, and access to its metrics."""

    def __init__(self, **settings: Any) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.script: Script = ANSWER
        self.load_time = 5.0
        self.load_error: ServiceError | None = None
        self.engines: list[Puppet] = []
        self.scheduler = Scheduler(Settings(**settings), self.make, self.clock, self.metrics)

    def make(self, model: Model) -> Puppet:
        self.engines.append(Puppet(model, self))
        return self.engines[-1]

    def serve(self, model: Model = A, client: Client = NOBODY) -> Iterator[Event]:
        request = EngineRequest("id", model, "chat", max_tokens=9)
        return self.scheduler.serve(request, client)

    def fails(self, script: Script, model: Model = A) -> None:
        self.script = script
        with pytest.raises((ServiceError, ClientGone, ZeroDivisionError)):
            list(self.serve(model))
        self.script = ANSWER

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"rkllm_{name}", labels)

    def of_a(self, name: str, **labels: str) -> float | None:
        return self.value(name, model="a", **labels)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_an_answer_is_measured_from_its_events(rig: Rig) -> None:
    trace = Trace()
    list(rig.serve(client=Client(trace=trace)))
    assert rig.of_a("request_queue_time_seconds_sum") == 0
    assert rig.of_a("model_load_time_seconds_sum") == 5
    assert rig.of_a("request_prefill_time_seconds_sum") == 2
    assert rig.of_a("time_to_first_token_seconds_sum") == 7
    assert rig.of_a("inter_token_latency_seconds_sum") == 3
    assert rig.of_a("inter_token_latency_seconds_count") == 2
    assert rig.of_a("request_decode_time_seconds_sum") == 3
    assert rig.of_a("request_inference_time_seconds_sum") == 5
    assert rig.of_a("e2e_request_latency_seconds_sum") == 11
    assert rig.of_a("prompt_tokens_total") == 30
    assert rig.of_a("generation_tokens_total") == 3
    assert rig.of_a("prompt_tokens_cached_total") == 10
    assert rig.of_a("kv_reuse_total", result="hit") == 1
    assert rig.of_a("kv_cache_usage_ratio") == pytest.approx(0.033)
    assert rig.of_a("model_loaded") == 1
    assert trace.outcome == "stop"
    assert trace.seconds == {"queue": 0, "load": 5, "prefill": 2, "decode": 4}
    assert (trace.first_token, trace.usage) == (7, Usage(30, 3, 10))


def test_tokens_are_counted_as_they_come_and_settled_at_the_end(rig: Rig) -> None:
    rig.script = (Text("two tokens in one piece"), Done("stop", Usage(1, 2, 0)))
    events = rig.serve()
    assert isinstance([next(events), next(events)][-1], Text)
    assert rig.of_a("generation_tokens_total") == 1
    list(events)
    assert rig.of_a("generation_tokens_total") == 2


def test_a_piece_without_text_is_no_token(rig: Rig) -> None:
    rig.script = (Text("x"), Text("", (TokenLogprob("x", -1.0),)), Done("stop", Usage(1, 1, 0)))
    list(rig.serve())
    assert rig.of_a("generation_tokens_total") == 1


def test_an_answer_without_a_token_has_no_first_token(rig: Rig) -> None:
    rig.script = (Done("stop", Usage(1, 0, 0)),)
    list(rig.serve())
    assert rig.of_a("e2e_request_latency_seconds_count") == 1
    assert not rig.of_a("time_to_first_token_seconds_count")
    assert not rig.of_a("request_decode_time_seconds_count")


def test_a_second_answer_loads_nothing(rig: Rig) -> None:
    list(rig.serve())
    list(rig.serve())
    assert rig.of_a("model_load_time_seconds_count") == 1
    assert rig.of_a("time_to_first_token_seconds_sum") == 7 + 2
    assert rig.of_a("engine_restarts_total") is None


@pytest.mark.parametrize(("count", "phase"), [(1, "loading"), (2, "prefill"), (3, "decode"), (5, "decode")], ids=str)
def test_a_cancel_is_counted_in_its_phase(rig: Rig, count: int, phase: str) -> None:
    events = rig.serve()
    for _ in range(count):
        next(events)
    events.close()  # type: ignore[attr-defined]
    assert rig.of_a("requests_cancelled_total", phase=phase) == 1
    assert rig.of_a("requests_running") == 0
    assert not rig.of_a("e2e_request_latency_seconds_count")


def test_a_client_that_left_is_no_error(rig: Rig) -> None:
    rig.fails((Text("x"), ClientGone()))
    assert rig.of_a("requests_cancelled_total", phase="decode") == 1
    assert rig.of_a("requests_failed_total", phase="decode", cause="engine_failed") is None


def test_leaving_after_the_last_event_is_no_cancel(rig: Rig) -> None:
    events = rig.serve()
    while not isinstance(next(events), Done):
        pass
    events.close()  # type: ignore[attr-defined]
    assert rig.of_a("requests_cancelled_total", phase="decode") is None
    assert rig.of_a("e2e_request_latency_seconds_count") == 1
    assert rig.of_a("requests_running") == 0


@pytest.mark.parametrize(
    ("error", "cause", "restarts"),
    [
        (EngineFailed("died"), "engine_failed", 1),
        (EngineTimeout("silent"), "engine_timeout", 1),
        (BadRequest("no"), "invalid_request_error", None),
        (ZeroDivisionError(), "internal_error", 1),
    ],
)
@pytest.mark.parametrize(("before", "phase"), [((), "prefill"), ((Text("x"), Text("y")), "decode")])
def test_errors_are_counted_by_phase_and_cause(
    rig: Rig, before: tuple[Event, ...], phase: str, error: Exception, cause: str, restarts: int | None
) -> None:
    rig.fails((*before, error))
    list(rig.serve())
    assert rig.of_a("requests_failed_total", phase=phase, cause=cause) == 1
    assert rig.of_a("engine_restarts_total") == restarts
    assert rig.of_a("generation_tokens_total") == len(before) + 3
    assert rig.of_a("time_to_first_token_seconds_count") == bool(before) + 1
    assert rig.of_a("inter_token_latency_seconds_count") == bool(before) + 2
    assert rig.of_a("e2e_request_latency_seconds_count") == 1
    assert rig.of_a("requests_running") == rig.of_a("requests_waiting") == 0


def test_a_dead_engine_that_was_tidied_away_is_a_restart_too(rig: Rig) -> None:
    list(rig.serve())
    rig.engines[0].alive = False
    rig.scheduler.tidy()
    list(rig.serve())
    assert rig.of_a("engine_restarts_total") == 1
    assert rig.of_a("model_evictions_total", reason="idle") is None


@pytest.mark.parametrize(
    ("error", "cause"), [(EngineFailed("no"), "engine_failed"), (EngineTimeout("slow"), "engine_timeout")]
)
def test_a_load_that_fails_is_counted_by_cause_and_is_no_restart(rig: Rig, error: ServiceError, cause: str) -> None:
    rig.load_error = error
    rig.fails(ANSWER)
    rig.load_error = None
    list(rig.serve())
    assert rig.of_a("model_load_failures_total", cause=cause) == 1
    assert rig.of_a("requests_failed_total", phase="loading", cause=cause) == 1
    assert rig.of_a("model_load_time_seconds_count") == 1
    assert rig.of_a("engine_restarts_total") is None


def test_the_runtime_behind_an_engine_is_named(rig: Rig) -> None:
    list(rig.scheduler.select(A, NOBODY))
    assert rig.metrics.registry.get_sample_value("rkllm_runtime_info", {"engine": A.engine, "version": "9.9.9"}) == 1


def test_a_load_is_timed_only_where_one_client_waited_for_all_of_it(rig: Rig) -> None:
    events = rig.serve()
    next(events)
    events.close()  # type: ignore[attr-defined]
    list(rig.serve())
    assert not rig.of_a("model_load_time_seconds_count")
    assert rig.of_a("model_loaded") == 1


def test_evictions_have_reasons() -> None:
    rig = Rig(models_resident=1)
    list(rig.serve(A))
    list(rig.serve(B))
    list(rig.serve(replace(B, context_length=2000)))
    list(rig.scheduler.unload(NOBODY))
    list(rig.serve(A))
    rig.clock.now += 1e6
    rig.scheduler.tidy()
    assert rig.of_a("model_evictions_total", reason="swap") == 1
    assert rig.value("model_evictions_total", model="b", reason="changed") == 1
    assert rig.value("model_evictions_total", model="b", reason="request") == 1
    assert rig.of_a("model_evictions_total", reason="idle") == 1
    assert rig.of_a("model_loaded") is None


def test_refused_requests_are_counted_and_leave_no_trace_in_the_gauges() -> None:
    rig = Rig(queue_depth=0)
    running = rig.serve()
    next(running)
    assert rig.of_a("requests_running") == 1
    with pytest.raises(QueueFull):
        list(rig.serve(B))
    assert rig.value("queue_rejects_total", reason="queue_full") == 1
    assert rig.value("requests_waiting", model="b") == 0
    assert rig.value("requests_failed_total", model="b", phase="queued", cause="queue_full") == 1
    list(running)


def test_waiting_and_running_are_counted_apart(rig: Rig) -> None:
    with RunMetrics(A, rig.metrics, Trace(), rig.clock) as run:
        assert rig.of_a("requests_waiting") == 1
        rig.clock.now += 3
        run.scheduled(shared=False)
        assert (rig.of_a("requests_waiting"), rig.of_a("requests_running")) == (0, 1)
        assert rig.of_a("request_queue_time_seconds_sum") == 3
    assert rig.of_a("requests_running") == 0


def ends(rig: Rig) -> dict[str, float]:
    """Return every count of an end, whatever its labels."""
    names = ("rkllm_requests_cancelled_total", "rkllm_requests_failed_total", "rkllm_e2e_request_latency_seconds_count")
    samples = [sample for metric in rig.metrics.registry.collect() for sample in metric.samples]
    return {name: sum(sample.value for sample in samples if sample.name == name) for name in names}


@pytest.mark.parametrize("done", [False, True], ids=["before the end", "after the end"])
@pytest.mark.parametrize(
    ("error", "counts"), [(GeneratorExit(), [1, 0]), (ClientGone(), [1, 0]), (EngineFailed("x"), [0, 1])], ids=str
)
def test_each_end_is_counted_once(rig: Rig, error: BaseException, counts: list[int], done: bool) -> None:
    def run_to_the_end() -> None:
        with RunMetrics(A, rig.metrics, Trace(), rig.clock) as run:
            run.scheduled(shared=False)
            run.loaded()
            run.record(Text("x"))
            if done:
                run.record(Done("stop", Usage(1, 1, 0)))
            raise error

    with pytest.raises(type(error)):
        run_to_the_end()
    cancelled, failed, whole = ends(rig).values()
    assert whole == done
    assert [cancelled, failed] == ([0, counts[1]] if done else counts)
    assert rig.of_a("requests_running") == 0


def test_leaving_the_queue_is_a_cancel_there() -> None:
    rig = Rig(heartbeat_interval=0)
    running, waiting = rig.serve(), rig.serve(B)
    next(running)
    assert isinstance(next(waiting), Waiting)
    waiting.close()  # type: ignore[attr-defined]
    assert rig.value("requests_cancelled_total", model="b", phase="queued") == 1
    assert rig.value("requests_waiting", model="b") == 0
    list(running)


def test_places_in_the_queue_are_those_that_are_taken_now() -> None:
    rig = Rig(heartbeat_interval=0)
    running, waiting = rig.serve(), rig.serve(B)
    next(running)
    assert rig.value("queue_places_taken") == 0
    next(waiting)
    assert (rig.value("queue_places_taken"), rig.value("requests_waiting", model="b")) == (1, 1)
    waiting.close()  # type: ignore[attr-defined]
    assert rig.value("queue_places_taken") == 0
    list(running)


def test_low_priority_requests_are_counted(rig: Rig) -> None:
    list(rig.serve())
    assert rig.of_a("background_requests_total") == 0
    list(rig.serve(client=Client(caller=Caller("titles", low_priority=True))))
    assert rig.of_a("background_requests_total") == 1


def test_the_engine_is_up_while_its_process_lives(rig: Rig) -> None:
    assert rig.value("engine_up") == 0
    list(rig.serve())
    assert rig.value("engine_up") == 1
    rig.engines[0].alive = False
    assert rig.value("engine_up") == 0


def test_known_models_begin_at_zero(rig: Rig) -> None:
    rig.metrics.start_at_zero(["a"])
    assert rig.of_a("engine_restarts_total") == 0
    assert rig.of_a("model_load_failures_total", cause="engine_failed") == 0
    assert rig.of_a("requests_cancelled_total", phase="queued") == 0
