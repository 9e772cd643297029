"""The child's side of the worker protocol (`services.engines.worker.protocol`); standard library only.

The main thread runs jobs. A reader thread takes cancels and, at end of input, ends the process at once: a worker never
outlives its parent, however the parent ended and whatever native code is doing (it must release the GIL).
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from services.engines.worker.stops import StopFilter

PROTOCOL = 1

LINE_LIMIT = 4 * 1024 * 1024
"""Bytes. A longer line is no message of ours but a child that writes garbage without end."""

TOKEN_KINDS = ("tokenize", "detokenize", "count")
"""The kinds of jobs about tokens; their result is data, and no model runs for them."""

VECTOR_KINDS = ("embedding", "rerank")
"""The kinds of jobs about vectors and scores; their result is data, one piece per input."""

NO_TOKEN = "One of the numbers is the id of no token of this model."


class LoadFailed(Exception):
    """The model cannot be loaded; the message says why and what to do.

    `kind` is ``unavailable`` where it could be loaded at another time, on the same machine.
    """

    def __init__(self, message: str, kind: str = "failed") -> None:
        super().__init__(message)
        self.kind = kind


class JobRefused(Exception):
    """The job cannot be run; the worker goes on."""

    def __init__(self, message: str, kind: str = "bad_request", prompt_tokens: int = 0, limit: int = 0) -> None:
        super().__init__(message)
        self.kind, self.prompt_tokens, self.limit = kind, prompt_tokens, limit


class Runner(Protocol):
    """A loaded model. What it has as `info` (names to strings and numbers) goes to the parent when it is ready."""

    def run(self, request: dict[str, Any], run: Run) -> str:
        """Generate, reporting through `run`; returns the finish reason. Blocks. Raises `JobRefused`."""


class Loader(Protocol):
    def __call__(self, path: str, options: dict[str, Any]) -> Runner:
        """Load a model. Blocks. Raises `LoadFailed`."""


class Run:
    """One run: what the engine reports, and whether it shall go on. Used by the main thread."""

    def __init__(self, number: int, stop: Sequence[str], channel: Channel) -> None:
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
        """True when the engine shall stop at its next chance: cancelled, or a stop string was found."""
        return self._stops.stopped or self._cancelled

    @property
    def _cancelled(self) -> bool:
        return self._channel.cancelled >= self.number

    def on_cancel(self, wake: Callable[[], None]) -> None:
        """Call `wake` from the reader thread whenever a cancel arrives, for an engine that blocks between its tokens.

        Look at `over` after this, not before: a cancel may have come already. `wake` may also be called late, in a
        later run, and must not stop anything by itself.
        """
        self._channel.wake = wake

    def progress(self, done: int, total: int) -> None:
        """`done` of `total` prompt tokens are in the KV cache."""
        if done != self._done:
            self._done = done
            self._channel.write({"event": "progress", "run": self.number, "done": done, "total": total})

    def text(self, piece: str, logprobs: Sequence[dict[str, Any]] = ()) -> None:
        """Part of the answer; held back while it may be the start of a stop string."""
        self._logprobs += logprobs
        self._text(self._stops.feed(piece))

    def reasoning(self, piece: str) -> None:
        """Part of the reasoning as the model writes it, tags included. Stop strings do not apply."""
        self._text(piece)

    def thought(self, piece: str) -> None:
        """Part of the reasoning, where the engine itself tells it from the answer. Stop strings do not apply."""
        self._channel.write({"event": "text", "run": self.number, "text": piece, "thought": True})

    def data(self, value: Any) -> None:
        """The result of a job that writes no answer. Raises `JobRefused` for one that no line holds."""
        self._channel.write({"event": "data", "run": self.number, "data": value})

    def _text(self, piece: str) -> None:
        if piece:
            message = {"event": "text", "run": self.number, "text": piece}
            if self._logprobs:
                message["logprobs"] = self._logprobs
                self._logprobs = []
            self._channel.write(message)

    def finish(self, reason: str) -> None:
        """End the run: the held-back rest, then ``done``."""
        if self._cancelled:
            reason = "cancel"
        else:
            self._text(self._stops.flush())
            reason = "stop" if self._stops.stopped else reason
        told = {"stop": self._stops.found, "usage": self.usage, "timings": self.timings, "info": self.info}
        self._channel.write({"event": "done", "run": self.number, "finish_reason": reason, **told})


class Channel:
    """The two pipes to the parent."""

    def __init__(self) -> None:
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
        """Send one line. Blocks while the pipe is full; ends the process when the parent is gone.

        Raises `JobRefused` for a line that the parent would not take.
        """
        data = json.dumps(message).encode() + b"\n"
        if len(data) > LINE_LIMIT:
            raise JobRefused("The result is larger than an engine can hand over at once. Send a part of the input.")
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except OSError:
            os._exit(0)

    def read(self) -> dict[str, Any]:
        """The next message that is no cancel. Blocks."""
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
    """Load the model the parent names, then run its jobs; never returns."""
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
        _run(runner, order["job"], Run(order["run"], order["job"]["stop"], channel), channel)


def _run(runner: Runner, request: dict[str, Any], run: Run, channel: Channel) -> None:
    try:
        reason = "cancel" if run.over else runner.run(request, run)
    except JobRefused as refusal:
        channel.write(
            {
                "event": "error",
                "run": run.number,
                "kind": refusal.kind,
                "message": str(refusal),
                "usage": {"prompt_tokens": refusal.prompt_tokens},
                "limit": refusal.limit,
                "info": run.info,
            }
        )
    else:
        run.finish(reason)
