"""Copy what a child writes to stderr into our log, a line at a time."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Sequence

from services.core.client import NOBODY

READ_SIZE = 16 * 1024
"""Bytes per read."""

ANSWER_READ_SIZE = 4 * 1024
"""Bytes per read of an answer: what one read gives is searched for calls before other requests have their turn."""

PIPE_SIZE = 64 * 1024
"""Bytes a pipe takes unless it is set otherwise (Linux)."""

WORDS = 500
"""Characters of `ChildLog.last_line`: it goes into messages for clients."""

NEWEST = 50
"""Lines kept to know again what a child had copied before it ended."""

log = logging.getLogger(__name__)


class ChildLog:
    """Read one child's stderr. May be used from any thread."""

    def __init__(self, fd: int, name: str, pid: int, on_line: Callable[[str], None]) -> None:
        """Own `fd`, non-blocking, and begin to read it in a thread. `on_line` gets each line, in any thread."""
        self._fd, self._label, self._on_line = fd, f"{name} {pid}", on_line
        self._lock, self._rest = threading.Lock(), b""
        self.request_id = "-"
        """The request that the child works for, or did last; a part of each line."""
        self._newest: deque[str] = deque(maxlen=NEWEST)
        self.last_line = ""
        """The newest line: often the reason of the child's end."""
        self._pump = threading.Thread(target=self._read_all, daemon=True)
        self._pump.start()

    def _read_all(self) -> None:
        """Copy stderr to our log until it closes; the body of the thread."""
        going = True
        while going:
            NOBODY.wait(self._fd, 3600)
            going = self.take()
        with self._lock:
            self._write([self._rest])
            os.close(self._fd)
            self._fd = -1

    def take(self, at_rest: bool = False) -> bool:
        """Log what the child has written so far; return False at its end. Never blocks.

        `at_rest`: the child writes nothing now, so a line without an end is whole.
        """
        with self._lock, contextlib.suppress(BlockingIOError):
            # No more than a pipe takes: a child that writes without end must not keep the caller here.
            for _ in range(PIPE_SIZE // READ_SIZE if self._fd >= 0 else 0):
                data = os.read(self._fd, READ_SIZE)
                if not data:
                    return False
                *lines, rest = (self._rest + data).split(b"\n")
                self._rest = rest[-READ_SIZE:]
                self._write(lines)
        if at_rest:
            with self._lock:
                rest, self._rest = self._rest, b""
                self._write([rest])
        return True

    def take_rest(self, fd: int) -> None:
        """Log what is left in another pipe of the child, which has ended, but for what it copied here. Never blocks."""
        with self._lock:
            texts = readable(_rest(fd).split(b"\n"))
            self._log(texts[repeated(list(self._newest), texts) :])

    def join(self, timeout: float) -> None:
        """Wait up to `timeout` seconds until all is read; the child must have ended."""
        self._pump.join(timeout)

    def _write(self, lines: Sequence[bytes]) -> None:
        self._log(readable(lines))

    def _log(self, texts: Sequence[str]) -> None:
        for text in texts:
            self.last_line = text[:WORDS]
            self._newest.append(text)
            log.info("[%s %s] %s", self._label, self.request_id, text)
            self._on_line(text)


def readable(lines: Sequence[bytes]) -> list[str]:
    """Return the lines that have a text, without a worker's own marks (`rkllm.tap`)."""
    texts = (line.decode(errors="replace").strip() for line in lines)
    return [text for text in texts if text and not text.startswith("\0")]


def repeated(logged: Sequence[str], rest: Sequence[str]) -> int:
    """Return how many lines at the beginning of `rest` are those at the end of `logged`, in the same order."""
    longest = min(len(logged), len(rest))
    return next((count for count in range(longest, 0, -1) if logged[-count:] == rest[:count]), 0)


def _rest(fd: int) -> bytes:
    """Return what is in a pipe. Never blocks: a grandchild may still have its other end open."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    data = b""
    while poll.poll(0) and (piece := os.read(fd, READ_SIZE)):
        data += piece
    return data
