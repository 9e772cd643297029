"""Serve requests one at a time: wait for the slot, load the model, run it, and measure all of it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace

from services.core.client import Client
from services.core.errors import EngineFailed
from services.core.events import Done, Event, Waiting, closing
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.request import EngineRequest
from services.core.settings import Settings
from services.engines.base import Engine
from services.scheduler.memory import Memory
from services.scheduler.pool import ModelPool
from services.scheduler.queue import Queue
from services.scheduler.run_metrics import RunMetrics
from services.scheduler.ticket import shutting_down

SHARING_KINDS = frozenset({"embedding", "rerank"})
"""Kinds of requests that are short and arrive in large numbers: those for one model share the slot."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot for display. It may be out of date when it is read, so nothing may be decided by it."""

    model: str | None
    """The model that runs, or else the last used one; None where no model is loaded."""
    process_healthy: bool
    engine_pid: int | None
    models: Mapping[str, float]
    """All loaded models, the last used one last, with the seconds until each is unloaded (infinite for never)."""
    active_request: str | None
    waiting: int


class Scheduler:
    """Runs one engine at a time. Methods may be called from any thread; each one says whether it blocks."""

    def __init__(
        self,
        settings: Settings,
        make: Callable[[Model], Engine],
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ):
        """Start with no model loaded. `make` returns the engine of a model, not started."""
        self._heartbeat = settings.heartbeat_interval
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._pool = ModelPool(make, settings, self._metrics, Memory(settings), clock)
        self._queue = Queue(
            settings.queue_depth, settings.queue_overtakes, self._pool.is_loaded, settings.queue_background_overtakes
        )
        self._active: str | None = None
        self._ended = False
        self._metrics.queue_depth.set(settings.queue_depth)
        self._metrics.places_taken.set_function(lambda: float(self._queue.places_taken))
        self._metrics.engine_up.set_function(lambda: float(any(engine.alive for engine in self._pool.engines)))

    def serve(self, request: EngineRequest, client: Client) -> Iterator[Event]:
        """Yield the events of `request`. Blocks between events.

        Closing the iterator cancels the run; when `close` returns, the engine is idle or dead and the slot is free.
        Raises any `ServiceError`, or `ClientGone`.
        """
        model, trace = request.model, client.trace
        # A request may lower its priority and not raise it: the key sets the highest.
        caller = replace(client.caller, low_priority=True) if request.low_priority else client.caller
        self._metrics.low_priority.labels(model.id).inc(caller.low_priority)
        with (
            RunMetrics(model, self._metrics, trace, self._clock) as run,
            self._queue.ticket(model.id, caller, shared_texts(request)) as ticket,
        ):
            yield from ticket.wait(client, self._heartbeat)
            run.scheduled(shared=ticket.texts_before > 0)
            self._active = request.id
            try:
                engine = yield from self._pool.acquire(model, client)
                run.loaded()
                owners = self._pool.owners(model.id)
                owners.add(caller.name)
                with closing(engine.generate(request, client)) as events:
                    for event in events:
                        # The metrics are public, so they too count what the key may know.
                        told = owners.own(caller.name, request, event) if isinstance(event, Done) else event
                        run.record(told)
                        yield told
            except EngineFailed as error:
                if self._ended:
                    raise shutting_down() from error
                raise
            finally:
                self._active = None
                # After an error too: a model that stays loaded must get a time to be unloaded.
                self._pool.release(model.id, allowed_time(request.generation.keep_alive, client))

    def select(self, model: Model, client: Client, keep_alive: float | None = None) -> Generator[Waiting]:
        """Load `model` and keep it for `keep_alive` seconds; None, and without admin rights: for the idle limit.

        Blocks and raises as `serve`.
        """
        with self._queue.ticket(model.id, client.caller) as ticket:
            yield from ticket.wait(client, self._heartbeat)
            yield from self._pool.acquire(model, client)
            self._pool.release(model.id, allowed_time(keep_alive, client))

    def unload(self, client: Client, only: Model | None = None) -> Generator[Waiting, None, list[str]]:
        """Unload all models, or `only` this one, and return what was loaded, the last used one last.

        Waits for the slot. Blocks and raises as `serve`.
        """
        with self._queue.ticket(None, client.caller) as ticket:
            yield from ticket.wait(client, self._heartbeat)
            return self._pool.evict_all("request") if only is None else self._pool.evict(only.id, "request")

    def status(self) -> Status:
        """Return what is loaded and what runs. Never blocks."""
        engines, active = self._pool.engines, self._active
        last = engines[-1] if engines else None
        return Status(
            model=last.model.id if last else None,
            process_healthy=last is not None and last.alive,
            engine_pid=last.pid if last else None,
            models=self._pool.time_left(bool(active)),
            active_request=active,
            waiting=self._queue.waiting,
        )

    def tidy(self) -> None:
        """Unload the models whose time is over and those whose engine died. Does nothing while the slot is taken."""
        with self._queue.idle_ticket() as ticket:
            if ticket:
                self._pool.tidy()

    def close(self) -> None:
        """Refuse requests that wait and new ones; the running one goes on. Returns at once."""
        self._queue.close()

    def end_answers(self) -> None:
        """End what runs with `ShuttingDown`: kill the processes of the engines, which whoever waits for them notices.

        Returns at once. The engines are left to the holder of the slot, and to `stop`.
        """
        self._ended = True
        for engine in self._pool.engines:
            if engine.alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(engine.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Kill all engines, even those that run: for the end of the process. Blocks for milliseconds."""
        self.close()
        self._pool.evict_all("request")


def allowed_time(keep_alive: float | None, client: Client) -> float | None:
    """Return how long a client's request may keep a model, in seconds; None: for the idle limit.

    A model is everybody's: a short time would take it from the others, and a long one keeps theirs out.
    """
    return keep_alive if client.caller.admin else None


def shared_texts(request: EngineRequest) -> int:
    """Return how many texts of a shared slot `request` takes; 0 for a request that shares none."""
    return len(request.inputs) if request.kind in SHARING_KINDS else 0


class Monitor:
    """A daemon thread that calls `tidy` every `interval` seconds."""

    def __init__(self, tidy: Callable[[], None], interval: float) -> None:
        """Prepare the thread; `start` starts it."""
        self._tidy, self._interval = tidy, interval
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start the thread. Returns at once."""
        threading.Thread(target=self._loop, name="monitor", daemon=True).start()

    def stop(self) -> None:
        """End the thread after its present call. Returns at once."""
        self._stopped.set()

    def _loop(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self._tidy()
            except Exception:
                # One failure must not end the housekeeping for as long as the server runs.
                log.exception("The monitor failed; it goes on")
