"""Drive an engine worker from the server: check its limits and every line, cancel its runs.

A worker is not trusted: whatever is not the protocol (`engines.worker.protocol`) ends it.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from services.core.client import NOBODY, Client
from services.core.errors import BadRequest, ServiceError
from services.core.events import Event, Waiting
from services.core.model import Model
from services.core.request import EngineRequest
from services.engines.worker.child import Child
from services.engines.worker.limits import Limits, Pace, check_deadline
from services.engines.worker.protocol import (
    Line,
    RunFailed,
    decode_line,
    encode,
    event_of,
    load_error,
    request_message,
    violation,
)
from services.engines.worker.wire import PROTOCOL

log = logging.getLogger(__name__)


ENDS = ("done", "error")
"""The events that end a run."""


class WorkerEngine:
    """Drive a worker process as an `Engine`. See `engines.base.Engine` for who may call what."""

    def __init__(
        self,
        model: Model,
        argv: list[str],
        env: Mapping[str, str],
        options: Mapping[str, Any],
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the worker's command line and environment, and the `options` of its load. Starts nothing."""
        self.model = model
        self._argv, self._env, self._options = argv, env, options
        self._limits = limits
        self._clock = clock
        self._child: Child | None = None
        self._loaded = False
        self.info: Mapping[str, str | int | float] = {}
        """What the worker reported of the model and its runtime when it was ready."""
        self.run_info: Mapping[str, str | int | float] = {}
        """What the newest run that has ended showed of the runtime."""
        self._numbers = itertools.count(1)
        self._active = 0
        """The run the worker is busy with; 0 while it is idle."""

    @property
    def alive(self) -> bool:
        """Return whether the worker runs. Never blocks."""
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int:
        """Return the worker's process id, 0 before `start`. Never blocks."""
        return self._child.pid if self._child else 0

    @property
    def loaded(self) -> bool:
        """Return whether the model is loaded. Never blocks."""
        return self._loaded and self.alive

    def start(self) -> None:
        """Start the worker and have it load the model. Raises `EngineFailed`."""
        self._child = Child(self._argv, self._env, self.model.id)
        self._load_deadline = self._clock() + self._limits.load
        log.info("Loading %s in process %d", self.model.id, self.pid)
        self._send({"op": "load", "path": str(self.model.path), "options": self._options})

    def stop(self) -> None:
        """Kill the worker and wait for its end (milliseconds)."""
        if self._child is not None:
            self._child.kill()

    def ready(self, client: Client) -> Iterator[Waiting]:
        """Block until the model is loaded; yields and raises as `Engine.ready` says."""
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
                check_deadline(
                    self._clock, self._load_deadline, f"The model did not load within {self._limits.load:g} s"
                )
                yield Waiting("loading")
            elif line.event == "ready" and line.protocol == PROTOCOL:
                self.info = line.info
                return
            elif line.event == "failed":
                raise load_error(line)
            else:
                raise violation(line)

    def generate(self, request: EngineRequest, client: Client) -> Iterator[Event]:
        """Run `request`; yields, blocks and raises as `Engine.generate` says."""
        run = next(self._numbers)
        try:
            self._begin(run, request)
            yield from self._run(run, request, client)
        except (BadRequest, RunFailed):
            raise  # the worker ended the run itself, and is fine
        except ServiceError:
            self.stop()
            raise
        finally:
            if self._active and self.alive:
                self._cancel(run)

    def _begin(self, run: int, request: EngineRequest) -> None:
        """Send `request` to the worker. Raises `EngineFailed` and `EngineTimeout`."""
        assert self._child is not None
        self._child.log.take()  # what it has printed so far is not about this request
        self._child.log.last_line = ""
        self._child.log.request_id = request.id
        self._active = run
        self._send({"op": "run", "run": run, "request": request_message(request)})

    def _run(self, run: int, request: EngineRequest, client: Client) -> Iterator[Event]:
        """Yield the events of one run, each silence checked against the limit of its phase."""
        grammar = bool(request.grammar)
        pace = Pace(self._limits, request.prompt_tokens_estimate, self._clock, grammar=grammar)
        for line in self._lines(client):
            if line is None:
                pace.silent()
            elif line.run != run:
                check_late(line, run)
            elif line.event == "progress":
                pace.progress(line.done / max(1, line.total))
            else:
                pace.token()
                yield event_of(line)
                if line.event == "done":
                    return
                continue
            if pace.due():
                yield pace.waiting

    def _lines(self, client: Client) -> Iterator[Line | None]:
        """Return an iterator over the worker's lines, with None as `Child.lines` has it.

        A `map`, since every generator between the pipe and the socket costs time for each token; nothing in
        `Child.lines` needs its close.
        """
        assert self._child is not None
        return map(self._decoded, self._child.lines(self._limits.heartbeat, client))

    def _decoded(self, data: bytes | None) -> Line | None:
        """Decode a line, and note the end of a run before anybody else sees it."""
        if data is None:
            return None
        line = decode_line(data)
        if line.event in ENDS:
            self.run_info = line.info
            if line.run == self._active:
                self._active = 0
        return line

    def _cancel(self, run: int) -> None:
        """Stop `run` and wait until the engine is idle; kill it if it does not stop in time."""
        deadline = self._clock() + self._limits.cancel
        try:
            self._send({"op": "cancel", "run": run})
            for _ in self._lines(NOBODY):
                if not self._active:
                    return
                check_deadline(
                    self._clock, deadline, f"The engine did not stop within {self._limits.cancel:g} s of its cancel"
                )
        except ServiceError as error:
            log.warning("%s", error.message)
            self.stop()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._child is not None
        self._child.send(encode(message))


def check_late(line: Line, run: int) -> None:
    """Accept a late line of a run before `run`. Raises `EngineFailed` for any other."""
    if not 0 < line.run < run:
        raise violation(line)
