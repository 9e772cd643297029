"""The parent's side of every engine worker: limits, cancels, and no trust. The protocol is `engines.protocol`'s."""

from __future__ import annotations

import itertools
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from services.core.client import NOBODY, Client
from services.core.errors import BadRequest, ServiceError
from services.core.events import Done, Event, Waiting
from services.core.model import Model
from services.core.request import EngineRequest
from services.engines.worker.child import Child
from services.engines.worker.limits import Limits, Pace, check
from services.engines.worker.protocol import (
    PROTOCOL,
    Line,
    decode,
    encode,
    event_of,
    load_error,
    out_of_turn,
    request_message,
)

log = logging.getLogger(__name__)


def worker_argv(module: str) -> list[str]:
    """The command line of a worker module of this package."""
    return [sys.executable, "-m", module]


class WorkerEngine:
    """An `Engine` that is a worker process. See `engines.base.Engine` for who may call what."""

    def __init__(
        self,
        model: Model,
        argv: list[str],
        env: Mapping[str, str],
        options: Mapping[str, Any],
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model
        self._argv, self._env, self._options = argv, env, options
        self._limits = limits
        self._clock = clock
        self._child: Child | None = None
        self._loaded = False
        self.info: Mapping[str, str | int | float] = {}
        """What the worker told of the model and its runtime when it was ready."""
        self.run_info: Mapping[str, str | int | float] = {}
        """What the newest run that has ended showed of the runtime."""
        self._runs = itertools.count(1)

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int:
        return self._child.pid if self._child else 0

    @property
    def loaded(self) -> bool:
        """Whether the model is loaded. Never blocks."""
        return self._loaded and self.alive

    def start(self) -> None:
        self._child = Child(self._argv, self._env, self.model.id)
        self._load_deadline = self._clock() + self._limits.load
        log.info("Loading %s in process %d", self.model.id, self.pid)
        self._send({"op": "load", "path": str(self.model.path), "options": self._options})

    def stop(self) -> None:
        if self._child is not None:
            self._child.kill()

    def ready(self, client: Client) -> Iterator[Waiting]:
        if self._loaded:
            return
        try:
            yield from self._load(client)
        except ServiceError:
            self.stop()
            raise
        self._loaded = True
        log.info("Loaded %s %s", self.model.id, self.info or "")

    def _load(self, client: Client) -> Iterator[Waiting]:
        for line in self._lines(client):
            if line is None:
                check(self._clock, self._load_deadline, f"The model did not load within {self._limits.load:g} s")
                yield Waiting("loading")
            elif line.event == "ready" and line.protocol == PROTOCOL:
                self.info = line.info
                return
            elif line.event == "failed":
                raise load_error(line)
            else:
                raise out_of_turn(line)

    def generate(self, request: EngineRequest, client: Client) -> Iterator[Event]:
        run = next(self._runs)
        ended = False
        assert self._child is not None
        self._child.take_log()  # what it has printed so far is not about this job
        self._child.last_words = ""
        self._child.about = request.id
        try:
            self._send({"op": "run", "run": run, "job": request_message(request)})
            for event in self._run(run, request, client):
                ended = isinstance(event, Done)
                yield event
        except BadRequest:
            ended = True
            raise
        except ServiceError:
            self.stop()
            raise
        finally:
            if not ended and self.alive:
                self._cancel(run)

    def _run(self, run: int, request: EngineRequest, client: Client) -> Iterator[Event]:
        """The events of one run, each silence held against the limit of its phase."""
        pace = Pace(self._limits, request.prompt_tokens_estimate, self._clock)
        for line in self._lines(client):
            if line is None:
                pace.silent()
            elif line.run != run:
                self._skip(line, run)
                continue
            elif line.event == "progress":
                pace.progress(line.done / max(1, line.total))
            else:
                pace.token()
                yield event_of(line)
                if line.event == "done":
                    return
            if pace.due():
                yield pace.waiting

    def _lines(self, client: Client) -> Iterator[Line | None]:
        assert self._child is not None
        for line in self._child.lines(self._limits.heartbeat, client):
            told = None if line is None else decode(line)
            if told is not None and told.event in ("done", "error"):
                self.run_info = told.info
            yield told

    def _skip(self, line: Line, run: int) -> None:
        """Pass over a late line of an earlier run; anything else is a lie."""
        if not 0 < line.run < run:
            raise out_of_turn(line)

    def _cancel(self, run: int) -> None:
        """Stop `run` and wait until the engine is idle; kill it if it does not stop in time."""
        deadline = self._clock() + self._limits.cancel
        try:
            self._send({"op": "cancel", "run": run})
            for line in self._lines(NOBODY):
                if line is not None and line.run == run and line.event in ("done", "error"):
                    return
                check(self._clock, deadline, f"The engine did not stop within {self._limits.cancel:g} s of its cancel")
        except ServiceError as error:
            log.warning("%s", error.message)
            self.stop()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._child is not None
        self._child.send(encode(message))
