"""Bound the time of a request on its connection, and read what nobody read of its body.

The HTTP server reads from the socket itself, through a reader that loops until it has as many bytes as were asked for.
So a limit on each of its reads bounds nothing: the limit must be between that reader and the socket.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from services.core.pause import give_way

READ_SIZE = 64 * 1024
"""The most bytes of one read."""

LEAST_RATE = 64 * 1024
"""Bytes per second that a body must bring, beside a pause of `client_timeout` in all: 16 MiB get four minutes."""

DRAIN_SECONDS = 5.0
"""The time to read the rest of a body that was refused, so that its client gets the answer and no reset."""


class PacedSocket:
    """The reading side of a connection while one request is served."""

    def __init__(
        self,
        sock: socket.socket,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[], None] = give_way,
    ) -> None:
        """Let the body pause for `timeout` seconds in all. `pause` lets other requests run.

        The same limit stays on the socket for the answer: one that its client does not read for so long is cancelled.
        """
        self.sock = sock
        self._timeout, self._clock, self._pause = timeout, clock, pause
        self._begun = False
        self.sock.settimeout(timeout)
        self._deadline = clock() + timeout

    def recv(self, size: int) -> bytes:
        """Return at most `size` bytes. Blocks; raises `TimeoutError` when the time of the body is over."""
        # Bytes that are there are taken without a wait, and a read of chunks of one byte is milliseconds of work.
        if self._begun:
            self._pause()
        self._begun = True
        left = self._deadline - self._clock()
        if left <= 0:
            raise TimeoutError("The time for the body is over.")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(min(size, READ_SIZE))
        finally:
            self.sock.settimeout(self._timeout)
        # Time that fast bytes save is not kept: a client that pauses after them would hold their memory for minutes.
        self._deadline = min(self._deadline + len(data) / LEAST_RATE, self._clock() + self._timeout)
        return data

    def drain(self, body: Any, most: int) -> bool:
        """Read the rest of `body`, a body of gunicorn's, up to `most` bytes, and return whether that was all of it.

        Blocks for `DRAIN_SECONDS`, or as long as the bytes arrive at the least rate.
        """
        self._deadline = self._clock() + DRAIN_SECONDS
        left = most
        try:
            while left > 0 and (data := body.read(READ_SIZE)):
                left -= len(data)
        # The client has left, or sent broken chunks: nothing more can be read from this connection.
        except Exception:
            return False
        return left > 0

    def release(self) -> socket.socket:
        """Return the socket without limits: the HTTP server has its own for the time until the next request."""
        self.sock.settimeout(None)
        return self.sock
