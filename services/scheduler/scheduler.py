"""Turns, loads and runs, in one line: a request's events come out of here."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace

from services.core.client import Client
from services.core.events import Event, Waiting
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.request import EngineRequest
from services.core.settings import Settings
from services.core.trace import Trace
from services.engines.base import Engine
from services.scheduler.memory import Memory
from services.scheduler.pool import ModelPool
from services.scheduler.queue import Queue
from services.scheduler.run_metrics import Run, observed

SHARING = frozenset({"embedding", "rerank"})
"""Kinds of jobs that come by the dozen and are short: those for one model share a turn."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot: consistent enough to show, never to act on."""

    model: str | None
    """The model in use, or the last used one of those that are in."""
    process_healthy: bool
    engine_pid: int | None
    models: Mapping[str, float]
    """All that are in, the last used one last: in how many seconds each is unloaded if nobody uses it (infinite for
    never)."""
    active_request: str | None
    waiting: int


class Scheduler:
    """One engine runs at a time, of all that are in. Methods may be called from any thread; each says if it blocks."""

    def __init__(
        self,
        settings: Settings,
        make: Callable[[Model], Engine],
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ):
        self._heartbeat = settings.heartbeat_interval
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._pool = ModelPool(make, settings, self._metrics, Memory(settings), clock)
        self._queue = Queue(
            settings.queue_depth, settings.queue_overtakes, self._pool.is_loaded, settings.queue_background_overtakes
        )
        self._active: str | None = None
        self._metrics.queue_depth.set(settings.queue_depth)
        self._metrics.places_taken.set_function(lambda: float(self._queue.places_taken))
        self._metrics.engine_up.set_function(lambda: float(any(engine.alive for engine in self._pool.engines)))

    def serve(self, request: EngineRequest, client: Client) -> Iterator[Event]:
        """The events of `request`. Blocks between events; closing it cancels, and frees the turn before it returns.

        Raises `ServiceError` or `ClientGone`.
        """
        run = Run(request.model, self._metrics, client.trace or Trace(), self._clock)
        yield from observed(self._serve(request, client, run), run)

    def _serve(self, request: EngineRequest, client: Client, run: Run) -> Iterator[Event]:
        caller = replace(client.caller, low_priority=True) if request.background else client.caller
        self._metrics.background.labels(request.model.id).inc(caller.low_priority)
        with self._queue.ticket(request.model.id, caller, shares(request)) as ticket:
            yield from ticket.wait(client, self._heartbeat)
            run.scheduled(new_turn=not ticket.texts_before)
            self._active = request.id
            try:
                engine = yield from self._pool.acquire(request.model, client)
                run.loaded()
                yield from engine.generate(request, client)
            finally:
                self._active = None
                self._pool.release(request.model.id, request.keep_alive)

    def select(self, model: Model, client: Client, keep: float | None = None) -> Generator[Waiting]:
        """Load `model` when its turn comes, for `keep` seconds. Blocks as `serve` does, raises the same."""
        with self._queue.ticket(model.id, client.caller) as ticket:
            yield from ticket.wait(client, self._heartbeat)
            yield from self._pool.acquire(model, client)
            self._pool.release(model.id, keep)

    def unload(self, client: Client, only: Model | None = None) -> Generator[Waiting, None, list[str]]:
        """Unload all models when the turn comes, or `only` this one; returns what was in, the last used one last.

        Blocks and raises as `serve` does.
        """
        with self._queue.ticket(None, client.caller) as ticket:
            yield from ticket.wait(client, self._heartbeat)
            return self._pool.evict_all("request") if only is None else self._pool.evict(only.id, "request")

    def status(self) -> Status:
        """Never blocks, whatever runs."""
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
        """Unload models that nobody used for as long as they stay, and those that died. Never waits for a turn."""
        with self._queue.idle_ticket() as ticket:
            if ticket:
                self._pool.tidy()

    def close(self) -> None:
        """Refuse whoever waits and whoever comes; the running request goes on. Returns at once."""
        self._queue.close()

    def stop(self) -> None:
        """Kill the engines, whoever uses them: for the end of the process, when no request may go on."""
        self.close()
        self._pool.evict_all("request")


def shares(request: EngineRequest) -> int:
    """How many texts of a shared turn a job takes."""
    return len(request.inputs) if request.kind in SHARING else 0


class Monitor:
    """A thread that calls `tidy` every `interval` seconds until `stop`."""

    def __init__(self, tidy: Callable[[], None], interval: float) -> None:
        self._tidy, self._interval = tidy, interval
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._loop, name="monitor", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _loop(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self._tidy()
            except Exception:
                log.exception("The monitor failed; it goes on")
