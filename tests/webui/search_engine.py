"""A search engine for tests, on a port of its own: JSON answers in SearXNG's form, and what it was asked.

Stands in for SearXNG itself where its source is not at hand, else for the engines behind it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

RESULTS = [
    {
        "title": "RK3588 data sheet",
        "url": "https://example.org/rk3588",
        "content": "The NPU of the RK3588 has three cores and delivers 6 TOPS with int8.",
    },
    {
        "title": "RK3576 data sheet",
        "url": "https://example.net/rk3576",
        "content": "The RK3576 has an NPU with two cores; it delivers 6 TOPS as well.",
    },
    {
        "title": "Orange Pi 5 Plus",
        "url": "https://example.com/orange-pi",
        "content": "A board with the RK3588 and up to 32 GB of memory.",
    },
]


class Handler(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        self.asked.append(query.get("q", [""])[0])
        body = json.dumps({"query": self.asked[-1], "results": RESULTS}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def serving() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the list of what it was asked, which grows."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Handler,), {"asked": asked}))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()
