"""Odd HTTP for the fuzzer, on raw sockets: broken heads, two lengths, half bodies, bad chunks, requests in a row."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import strategies as st

PATHS = [
    "/v1/chat/completions",
    "/api/chat",
    "/v1/models",
    "/health",
    "/",
    "*",
    "http://a/health",
    "//health",
    "/a b",
    "/%zz",
]
LINES = ["{method} {path} HTTP/1.1", "{method} {path} HTTP/1.0", "{method} {path}", "{method}  {path} HTTP/1.1"]
LINES += ["{method} {path} HTTP/2.0", "{method} {path} HTTP/1.1 x", "PRI * HTTP/2.0", "\x16\x03\x01\x02", "{path}"]
METHODS = ["POST", "GET", "post", "CONNECT", "HEAD", "P\0ST"]

SINGLE = ["Content-Length: 5", "Transfer-Encoding: chunked"]
DOUBLE = [
    "Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 60",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding: chunked, chunked",
    "Content-Length: 5, 60", "Content-Length: +5", "Content-Length: 0x5", "Content-Length: 5 5",
    "Content-Length:\t5\x0b",
    "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "Transfer-Encoding:\x0bchunked", "Content-Length: -5",
    "X: y\r\n Content-Length: 60", "Content-Length: " + "9" * 30,
]  # fmt: skip
"""Heads about whose body two readers could disagree."""

HEADERS = [
    "Host: 127.0.0.1", "Host: a\r\nHost: b", "Host:", "Content_Length: 60", "X: " + "x" * 9000, "X: a\0b", "X: é",
    "Connection: close", "Connection: x, y", "Upgrade: websocket\r\nConnection: upgrade", "Expect: 100-continue",
    "Range: bytes=0-1", "Accept: text/html", "no colon", "Authorization: Bearer \xff", "Content-Encoding: gzip",
    "\r\n".join(f"X-{n}: y" for n in range(200)), "X-Forwarded-For: ::1", "Content-Type: application/json",
    "Transfer-Encoding: gzip", "Origin: null", "Cookie: " + "a=b; " * 500,
]  # fmt: skip
NEXT = b"GET /v1/models HTTP/1.1\r\nHost: b\r\n\r\n"
BODIES = [
    b"hello", b"", b"{", b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\nhello\r\n", b"5\nhello\n0\n\n",
    b"5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffff\r\nhello",
    b"5\r\nhelloo\r\n0\r\n\r\n", b"0\r\n\r\n" + NEXT, b"hello" + NEXT,
]  # fmt: skip

PATIENCE = 60.0
"""Seconds without a byte, after which a connection counts as hanging."""


@dataclass(frozen=True)
class Wire:
    head: bytes
    body: bytes
    pieces: int
    """Into how many pieces the bytes are cut."""
    ambiguous: bool


@st.composite
def wires(draw: st.DrawFn) -> Wire:
    line = draw(st.sampled_from([LINES[0]] * 9 + LINES))
    line = line.format(method=draw(st.sampled_from(METHODS)), path=draw(st.sampled_from(PATHS)))
    ambiguous = draw(st.booleans())
    length = draw(st.sampled_from(DOUBLE if ambiguous else SINGLE))
    headers = draw(st.lists(st.sampled_from(HEADERS), max_size=3, unique=True))
    end = draw(st.sampled_from(["\r\n"] * 9 + ["\n", "\r"]))
    head = end.join([line, *draw(st.permutations([length, *headers])), "", ""])
    return Wire(head.encode("latin-1"), draw(st.sampled_from(BODIES)), draw(st.integers(1, 4)), ambiguous)


@contextlib.contextmanager
def may_be_closed() -> Iterator[None]:
    """Let the server close the connection at any time, and nothing else go wrong."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError:
        return


def send(port: int, wire: Wire) -> bytes:
    """Send a request and no more, and return all that comes back. Raises `TimeoutError` if the server hangs."""
    data = wire.head + wire.body
    size = len(data) // wire.pieces + 1
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        with may_be_closed():
            for start in range(0, len(data), size):
                connection.sendall(data[start : start + size])
            connection.shutdown(socket.SHUT_WR)
        return b"".join(received(connection))


def received(connection: socket.socket) -> Iterator[bytes]:
    with may_be_closed():
        while data := connection.recv(65536):
            yield data


def fault(wire: Wire, answer: bytes) -> str:
    """Return what is wrong with an answer, or nothing. To say nothing and to hang up is right."""
    statuses = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]
    bad = [status for status in statuses if status >= 500 and status not in {501, 503}]
    if bad:
        return f"status {bad[0]}"
    if wire.ambiguous and len(statuses) > 1 and b" 100" not in answer[:20]:
        return f"{len(statuses)} answers to one request"
    return ""


def unfinished(port: int) -> list[socket.socket]:
    """Open connections whose requests never end: the server must end them."""
    starts = [b"", b"P", b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"]
    starts += [
        b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n\r\n{",
        starts[2] + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ]
    found = []
    for start in starts * 8:
        found.append(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        found[-1].sendall(start)
    return found


def ended(connection: socket.socket) -> bool:
    """Whether the server ends the connection; blocks up to `PATIENCE`."""
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    finally:
        connection.close()
    return True
