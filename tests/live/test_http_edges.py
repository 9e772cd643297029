"""Bytes that are no proper request, on a real socket: JSON, 4xx, and the server goes on."""

from __future__ import annotations

import json

import pytest

from tests.live.conftest import Serve, Server, answer

CHUNKED = b"POST /v1/chat/completions HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"

BROKEN = {
    "no HTTP": b"hello?\r\n\r\n",
    "bad header": b"GET /health HTTP/1.1\r\nno colon here\r\n\r\n",
    "endless header": b"GET /health HTTP/1.1\r\nX: " + b"x" * 20000 + b"\r\n\r\n",
    "long request line": b"GET /" + b"x" * 10000 + b" HTTP/1.1\r\n\r\n",
    "bad chunk size": CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
    "chunk too short": CHUNKED + b"5\r\nhelloX\r\n0\r\n\r\n",
    "content length no number": b"POST /v1/chat/completions HTTP/1.1\r\nHost: t\r\nContent-Length: many\r\n\r\n",
}


@pytest.fixture(scope="module")
def server(serve: Serve) -> Server:
    return serve(client_timeout=2, max_body_bytes=100_000)


def test_broken_requests_get_json_and_a_4xx(server: Server) -> None:
    for name, data in BROKEN.items():
        with server.connect() as connection:
            connection.sendall(data)
            status, body = answer(connection)
        assert 400 <= status < 500, name
        assert isinstance(body, dict), name
        assert body["error"]["message"], name
    assert server.ask("next") == "You said: next"


def test_chunks_without_end_are_a_413(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(CHUNKED)
        for _ in range(42):
            connection.sendall(b"2710\r\n" + b" " * 10000 + b"\r\n")
        status, body = answer(connection)
    assert status == 413
    assert body["error"]["code"] == "payload_too_large"
    assert server.ask("next") == "You said: next"


def test_a_body_over_the_limit_is_a_413_that_arrives(server: Server) -> None:
    with server.post("/v1/chat/completions", "x" * 200_000) as connection:
        assert answer(connection)[0] == 413


def test_a_client_that_leaves_in_its_body_costs_nothing(server: Server) -> None:
    for _ in range(5):
        connection = server.connect()
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: t\r\nContent-Length: 500\r\n\r\n{")
        connection.close()
    assert server.ask("next") == "You said: next"


def test_a_chunked_body_is_read(server: Server) -> None:
    body = json.dumps({"model": "fake", "messages": [{"role": "user", "content": "chunked"}]}).encode()
    with server.connect() as connection:
        connection.sendall(CHUNKED + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
        status, answered = answer(connection)
    assert status == 200
    assert answered["choices"][0]["message"]["content"] == "You said: chunked"
