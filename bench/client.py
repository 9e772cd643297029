"""A streaming client that costs little: it stores bytes with their arrival times and looks at them afterwards."""

from __future__ import annotations

import bisect
import itertools
import json
import re
import selectors
import socket
import time
from collections.abc import Sequence
from typing import Any

READ_SIZE = 256 * 1024
"""Bytes per read."""

TIMEOUT = 60.0
"""Seconds without a byte before a stream is given up."""

CONTENT = re.compile(rb'"content":"[^"]')
"""What an event with a token holds, and no other event."""


class Stream:
    """One streaming chat request. The clock starts before the connection is made."""

    def __init__(self, port: int, body: dict[str, Any]) -> None:
        self.started = time.perf_counter()
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.sock.sendall(request(body))
        self._times: list[float] = []
        self._parts: list[bytes] = []

    def read(self) -> bool:
        """Store what has arrived, waiting for it; False at the end."""
        data = self.sock.recv(READ_SIZE)
        self._times.append(time.perf_counter())
        self._parts.append(data)
        if not data:
            self.sock.close()
        return bool(data)

    def tokens(self) -> list[float]:
        """When each token arrived, in seconds on the `perf_counter` clock.

        Raises `RuntimeError` unless the answer is complete.
        """
        whole = b"".join(self._parts)
        if not whole.startswith(b"HTTP/1.1 200") or b"data: [DONE]" not in whole:
            raise RuntimeError(f"The server did not answer in full: {whole[:300]!r} ... {whole[-300:]!r}")
        ends = list(itertools.accumulate(map(len, self._parts)))
        return [self._times[bisect.bisect_left(ends, found.end())] for found in CONTENT.finditer(whole)]


def request(body: dict[str, Any]) -> bytes:
    data = json.dumps({**body, "stream": True}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def collect(streams: Sequence[Stream]) -> None:
    """Read all streams to their ends, each as its bytes arrive. Raises `TimeoutError`."""
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream.sock, selectors.EVENT_READ, stream)
        while selector.get_map():
            ready = selector.select(TIMEOUT)
            if not ready:
                raise TimeoutError(f"The server sent nothing for {TIMEOUT:.0f} s.")
            for key, _ in ready:
                if not key.data.read():
                    selector.unregister(key.fileobj)


def run(port: int, body: dict[str, Any]) -> Stream:
    """One request, to its end."""
    stream = Stream(port, body)
    while stream.read():
        pass
    return stream
