"""Turns, loads and runs, in one line: a request's events come out of here."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

from services.core.client import Client
from services.core.events import Event, Waiting
from services.core.job import Job
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.settings import Settings
from services.core.trace import Trace
from services.engines.base import Engine
from services.scheduler.observed import Run, observed
from services.scheduler.queue import Queue
from services.scheduler.slot import Slot

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot: consistent enough to show, never to act on."""

    model: str | None
    process_healthy: bool
    engine_pid: int | None
    active_request: str | None
    waiting: int
    expires: float | None
    """Seconds until the model is unloaded if nobody uses it; infinite for never, None where there is none."""


class Scheduler:
    """One engine holds the accelerator at a time. Methods may be called from any thread; each says if it blocks."""

    def __init__(
        self,
        settings: Settings,
        make: Callable[[Model], Engine],
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ):
        self._beat = settings.heartbeat_interval
        self._idle_limit = settings.idle_unload_timeout
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._slot = Slot(make, self._metrics, clock)
        self._queue = Queue(
            settings.queue_depth, settings.queue_overtakes, self._loaded, settings.queue_background_overtakes
        )
        self._active: str | None = None
        self._last_used, self._keep = clock(), self._limit(None)
        self._metrics.queue_depth.set(settings.queue_depth)
        self._metrics.engine_up.set_function(lambda: float(self._slot.healthy))

    def serve(self, job: Job, client: Client) -> Iterator[Event]:
        """The events of `job`. Blocks between events; closing it cancels, and frees the turn before it returns.

        Raises `ServiceError` or `ClientGone`.
        """
        run = Run(job.model, self._metrics, client.trace or Trace(), self._clock)
        yield from observed(self._serve(job, client, run), run)

    def _serve(self, job: Job, client: Client, run: Run) -> Iterator[Event]:
        caller = replace(client.caller, background=True) if job.background else client.caller
        with self._queue.ticket(job.model.id, caller) as ticket:
            yield from ticket.wait(client, self._beat)
            run.scheduled()
            self._active = job.id
            try:
                engine = yield from self._slot.hold(job.model, client)
                run.loaded()
                yield from engine.generate(job, client)
            finally:
                self._active = None
                self._used(job.keep_alive)

    def _used(self, keep: float | None) -> None:
        """For the holder of the turn, when it is done: the model stays for `keep` seconds; None: for the idle limit."""
        self._last_used, self._keep = self._clock(), self._limit(keep or None)
        if keep == 0:
            self._slot.drop("request")

    def _limit(self, keep: float | None) -> float:
        return (self._idle_limit or math.inf) if keep is None else keep

    def select(self, model: Model, client: Client, keep: float | None = None) -> Generator[Waiting]:
        """Load `model` when its turn comes, for `keep` seconds as in `Ask`. Blocks as `serve` does, raises the same."""
        with self._queue.ticket(model.id, client.caller) as ticket:
            yield from ticket.wait(client, self._beat)
            yield from self._slot.hold(model, client)
            self._used(keep)

    def unload(self, client: Client, only: Model | None = None) -> Generator[Waiting, None, Model | None]:
        """Unload the loaded model when the turn comes, or `only` this one; returns it, or None.

        Blocks and raises as `serve` does.
        """
        with self._queue.ticket(None, client.caller) as ticket:
            yield from ticket.wait(client, self._beat)
            return self._slot.drop("request") if only in (None, self._slot.model) else None

    def status(self) -> Status:
        """Never blocks, whatever runs."""
        model, active = self._slot.model, self._active
        return Status(
            model=model.id if model else None,
            process_healthy=self._slot.healthy,
            engine_pid=self._slot.pid,
            active_request=active,
            waiting=self._queue.waiting,
            expires=self._expires(active) if model else None,
        )

    def _expires(self, active: str | None) -> float:
        """One that is used expires its limit after the end, which is not before now."""
        return self._keep if active else self._keep - (self._clock() - self._last_used)

    def tidy(self) -> None:
        """Unload a model that nobody used for the idle limit, or whose engine died. Never waits for a turn."""
        with self._queue.idle_ticket() as ticket:
            if ticket and self._slot.model and (self._idle() or not self._slot.healthy):
                self._slot.drop("idle")

    def _idle(self) -> bool:
        return self._keep <= self._clock() - self._last_used

    def _loaded(self) -> str | None:
        model = self._slot.model
        return model.id if model else None

    def close(self) -> None:
        """Refuse whoever waits and whoever comes; the running request goes on. Returns at once."""
        self._queue.close()

    def stop(self) -> None:
        """Kill the engine, whoever uses it: for the end of the process, when no request may go on."""
        self.close()
        self._slot.drop("request")


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
