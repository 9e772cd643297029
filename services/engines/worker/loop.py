"""Serve the worker's side of the protocol (`services.engines.worker.protocol`). Standard library only.

Worker processes alone import this module. The main thread runs requests. A reader thread takes cancels and, at end of
input, ends the process at once: a worker never outlives its parent, however the parent ended and whatever native code
is doing (it must release the GIL).
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from services.engines.worker.errors import LoadFailed, RequestRefused, out_of_memory
from services.engines.worker.stops import StopFilter
from services.engines.worker.wire import LINE_LIMIT, PROTOCOL

WORDS = 200
"""Characters of an unexpected exception that a client gets; the log has all of it."""


class Runner(Protocol):
    """Run requests on a loaded model. Its attribute `info`, if it has one, goes to the parent: strings and numbers."""

    def run(self, request: dict[str, Any], run: Run) -> str:
        """Run `request`, report through `run`, return the finish reason. Blocks.

        Raises `RequestRefused`. Any other exception fails this request alone, except `MemoryError`: a process that has
        no memory left is replaced.
        """


class Loader(Protocol):
    """Load models."""

    def __call__(self, path: str, options: dict[str, Any], /) -> Runner:
        """Load the model file at `path`. Blocks for seconds. Raises `LoadFailed`."""


class Run:
    """Report one run to the parent, and tell the engine when to stop. Used by the main thread."""

    def __init__(self, number: int, stop: Sequence[str], channel: Channel) -> None:
        """Begin run `number`; `stop` are its stop strings."""
        self.number = number
        self._channel = channel
        self._stops = StopFilter(stop)
        self._logprobs: list[dict[str, Any]] = []
        self._done = -1
        self.usage = {"prompt_tokens": 0, "completion_tokens": 0, "cached_tokens": 0}
        self.timings: dict[str, float] = {}
        self.info: dict[str, str | int | float] = {}
        """What the run showed of the engine's library, for who examines it."""

    @property
    def over(self) -> bool:
        """Return whether the engine shall stop at its next chance: cancelled, or a stop string was found."""
        return self._stops.stopped or self.cancelled

    @property
    def cancelled(self) -> bool:
        """Return whether nobody reads the answer any more."""
        return self._channel.cancelled >= self.number

    def on_cancel(self, wake: Callable[[], None]) -> None:
        """Call `wake` from the reader thread whenever a cancel arrives, for an engine that blocks between its tokens.

        Look at `over` after this, not before: a cancel may have come already. `wake` may also be called late, in a
        later run, and must not stop anything by itself.
        """
        self._channel.wake = wake

    def progress(self, done: int, total: int) -> None:
        """Report that `done` of `total` prompt tokens are in the KV cache; for vectors, of the inputs."""
        if done != self._done:
            self._done = done
            self._channel.write({"event": "progress", "run": self.number, "done": done, "total": total})

    def text(self, piece: str, logprobs: Sequence[dict[str, Any]] = ()) -> None:
        """Report a piece of the answer; it waits while it may be the start of a stop string."""
        self._logprobs += logprobs
        self._text(self._stops.feed(piece))

    def tagged_reasoning(self, piece: str) -> None:
        """Report a piece of the reasoning as the model writes it, tags included. Stop strings do not apply."""
        self._text(piece)

    def reasoning(self, piece: str) -> None:
        """Report a piece of the reasoning, where the engine itself separates it. Stop strings do not apply."""
        self._channel.write({"event": "text", "run": self.number, "text": piece, "reasoning": True})

    def data(self, value: Any) -> None:
        """Report the result of a request that writes no answer. Raises `RequestRefused` if it is too long."""
        self._channel.write({"event": "data", "run": self.number, "data": value})

    def late_logprobs(self, entries: list[dict[str, Any]]) -> None:
        """Report, behind all text, logprobs of text that was reported without them."""
        self._channel.write({"event": "text", "run": self.number, "text": "", "logprobs": entries})

    def _text(self, piece: str) -> None:
        if piece:
            message = {"event": "text", "run": self.number, "text": piece}
            if self._logprobs:
                message["logprobs"] = self._logprobs
                self._logprobs = []
            self._channel.write(message)

    def finish(self, reason: str) -> None:
        """End the run: report the text that waited, then ``done`` with `reason`, or with what ended it before."""
        if self.cancelled:
            reason = "cancel"
        else:
            self._text(self._stops.flush())
            reason = "stop" if self._stops.stopped else reason
        facts = {"stop": self._stops.found, "usage": self.usage, "timings": self.timings, "info": self.info}
        self._channel.write({"event": "done", "run": self.number, "finish_reason": reason, **facts})


class Channel:
    """Own the two pipes to the parent."""

    def __init__(self) -> None:
        """Take over stdin and stdout of this process, and start the reader thread."""
        # Native libraries print to stdout. The protocol keeps the pipe for itself and lets them write to the log.
        self._out = os.dup(1)
        os.dup2(2, 1)
        self.cancelled = 0
        """The newest run that was cancelled. Written by the reader thread, read by the main thread."""
        self.wake: Callable[[], None] = lambda: None
        """Called by the reader thread after it wrote `cancelled`."""
        self._inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def write(self, message: dict[str, Any]) -> None:
        """Write one line. Blocks while the pipe is full; ends the process when the parent is gone.

        Raises `RequestRefused` for a line that the parent would not take.
        """
        data = json.dumps(message).encode() + b"\n"
        if len(data) > LINE_LIMIT:
            raise RequestRefused(
                "The result is larger than an engine can hand over at once. Send fewer inputs, or shorter ones."
            )
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except OSError:
            # Not sys.exit: that would wait for native threads, which may never end.
            os._exit(0)

    def read(self) -> dict[str, Any]:
        """Return the next message that is no cancel. Blocks."""
        return self._inbox.get()

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            message = json.loads(line)
            if message["op"] == "cancel":
                self.cancelled = max(self.cancelled, message["run"])
                self.wake()
            else:
                self._inbox.put(message)
        os._exit(0)


def serve(load: Loader) -> None:
    """Load the model the parent names, then run its requests. Never returns."""
    channel = Channel()
    order = channel.read()
    try:
        runner = load(order["path"], order["options"])
    except LoadFailed as error:
        channel.write({"event": "failed", "message": str(error), "kind": error.kind})
        os._exit(1)
    channel.write({"event": "ready", "protocol": PROTOCOL, "info": getattr(runner, "info", {})})
    while True:
        order = channel.read()
        _run(runner, order["request"], Run(order["run"], order["request"]["stop"], channel), channel)


def _run(runner: Runner, request: dict[str, Any], run: Run, channel: Channel) -> None:
    try:
        # A cancel may have come before the run began.
        reason = "cancel" if run.over else runner.run(request, run)
    except Exception as error:  # a bug, or input that nobody thought of, must not end the engine for all
        channel.write(error_line(error, run))
    else:
        run.finish(reason)


def error_line(error: Exception, run: Run) -> dict[str, Any]:
    """Return the line that ends `run` with `error`; one that is no refusal is logged with its traceback."""
    if isinstance(error, RequestRefused):
        refusal = error
    else:
        traceback.print_exception(error)
        refusal = failure(error)
    return {
        "event": "error",
        "run": run.number,
        "kind": refusal.kind,
        "message": str(refusal),
        "usage": {"prompt_tokens": refusal.prompt_tokens},
        "limit": refusal.limit,
        "info": run.info,
    }


def failure(error: Exception) -> RequestRefused:
    """Return what is said of an exception that no code expected."""
    if isinstance(error, MemoryError):
        return out_of_memory()
    return RequestRefused(f"The engine failed at this request: {type(error).__name__}: {str(error)[:WORDS]}", "fault")
