"""A streaming HTTP client with little overhead: it stores bytes with arrival times and parses them afterwards.

Where time is not measured, `chat` asks in one line.
"""

from __future__ import annotations

import bisect
import itertools
import json
import re
import selectors
import socket
import time
import urllib.request
from collections.abc import Sequence
from typing import Any

READ_SIZE = 256 * 1024
"""Bytes per read."""

TIMEOUT = 60.0
"""Seconds without a byte after which a stream counts as dead."""

CONTENT = re.compile(rb'"content":"[^"]')
"""Found once in each event with a token, and in no other event."""


class Stream:
    """One streaming chat request. The clock starts before the connection, which is part of what a client waits for."""

    def __init__(self, port: int, body: dict[str, Any]) -> None:
        """Connect and send the request. Blocks until it is sent. Raises `OSError`."""
        self.started = time.perf_counter()
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.sock.sendall(request(body))
        self._times: list[float] = []
        self._parts: list[bytes] = []

    def read(self) -> bool:
        """Store the next bytes; return False at the end of the stream. Blocks until some arrive. Raises `OSError`."""
        data = self.sock.recv(READ_SIZE)
        self._times.append(time.perf_counter())
        self._parts.append(data)
        if not data:
            self.sock.close()
        return bool(data)

    def tokens(self) -> list[float]:
        """Return when each token arrived, in seconds on the `perf_counter` clock.

        Raises `RuntimeError` unless the answer is complete.
        """
        whole = b"".join(self._parts)
        if not whole.startswith(b"HTTP/1.1 200") or b"data: [DONE]" not in whole:
            raise RuntimeError(f"The server's answer is incomplete: {whole[:300]!r} ... {whole[-300:]!r}")
        ends = list(itertools.accumulate(map(len, self._parts)))
        return [self._times[bisect.bisect_left(ends, match.end())] for match in CONTENT.finditer(whole)]


def request(body: dict[str, Any]) -> bytes:
    """Return the HTTP request for a streaming chat."""
    data = json.dumps({**body, "stream": True}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def collect(streams: Sequence[Stream]) -> None:
    """Read all streams to their ends, each as its bytes arrive. Blocks. Raises `OSError`, `TimeoutError` too."""
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


def run_request(port: int, body: dict[str, Any]) -> Stream:
    """Send one request and return the finished stream. Blocks. Raises `OSError`."""
    stream = Stream(port, body)
    while stream.read():
        pass
    return stream


def chat(url: str, body: dict[str, Any]) -> str:
    """Return the answer of the server at `url` to one request. Blocks.

    Raises `OSError` where the server cannot be reached or refuses.
    """
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/v1/chat/completions", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as response:
        return str(json.load(response)["choices"][0]["message"]["content"])
