"""Clients that leave, in every phase, streaming or not: their place is free at once and the next answer is whole."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.live.conftest import Server

Bell = Callable[[], tuple[str, Callable[[], str]]]
Start = Callable[..., Server]


def idle(health: dict[str, object]) -> bool:
    return not health["busy"] and health["waiting_requests"] == 0


def reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["fin", "rst"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_leaving_while_it_runs(
    scripted: Server, bell: Bell, phase: str, stream: bool, leave: Callable[[socket.socket], None]
) -> None:
    path, rung = bell()
    connection = scripted.chat({"tokens": 3, "fault": "hold", "phase": phase, "at": 1, "bell": path}, stream=stream)
    assert rung() == phase
    (engine,) = scripted.engine_pids()
    leave(connection)
    scripted.until(idle)
    assert scripted.ask("still there?") == "You said: still there?"
    assert scripted.engine_pids() == {engine}, "a cancel does not cost a reload"


ASKED: dict[str, Callable[[str], dict[str, Any]]] = {
    "/v1/responses": lambda text: {"input": text},
    "/v1/messages": lambda text: {"max_tokens": 9, "messages": [{"role": "user", "content": text}]},
    "/api/chat": lambda text: {"messages": [{"role": "user", "content": text}]},
    "/api/generate": lambda text: {"prompt": text},
}
"""A request of each other dialect."""


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", ASKED)
def test_leaving_in_another_dialect(scripted: Server, bell: Bell, path: str, stream: bool) -> None:
    fifo, rung = bell()
    script = json.dumps({"tokens": 3, "fault": "hold", "at": 1, "bell": fifo})
    connection = scripted.post(path, {"model": "fake", "stream": stream, **ASKED[path](script)})
    assert rung() == "decode"
    connection.close()
    scripted.until(idle)
    assert scripted.ask("still there?") == "You said: still there?"


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_while_it_loads(start: Start, bell: Bell, stream: bool) -> None:
    path, rung = bell()
    server = start(load={"bell": path, "fault": "hold"})
    connection = server.chat("hello", stream=stream)
    assert rung() == "loading"
    connection.close()
    server.until(idle)
    assert server.health()["current_model"] == "fake", "the load goes on for whoever comes next"


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_while_queued(scripted: Server, bell: Bell, stream: bool) -> None:
    path, rung = bell()
    running = scripted.chat({"fault": "hold", "bell": path}, stream=True)
    rung()
    waiting = scripted.chat("never answered", stream=stream)
    scripted.until(lambda health: health["waiting_requests"] == 1)
    waiting.close()
    scripted.until(lambda health: health["waiting_requests"] == 0)
    assert scripted.health()["busy"]
    running.close()
    scripted.until(idle)
    assert scripted.ask("next") == "You said: next"


def test_a_reset_right_behind_the_request(scripted: Server) -> None:
    for _ in range(20):
        reset(scripted.chat({"tokens": 50}, stream=True))
    scripted.until(idle)
    assert scripted.ask("next") == "You said: next"


def test_a_pipelined_request_is_no_departure(scripted: Server) -> None:
    body = json.dumps(
        {"model": "fake", "messages": [{"role": "user", "content": '{"tokens": 3, "delay": 0.01}'}]}
    ).encode()
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with scripted.connect() as connection:
        connection.sendall(request * 2)
        received = b""
        while received.count(b"tok tok tok") < 2:
            data = connection.recv(65536)
            assert data
            received += data


def test_a_client_that_never_reads_loses_its_answer(start: Start) -> None:
    server = start(client_timeout=0.5)
    connection = server.connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    body = json.dumps(
        {"model": "fake", "stream": True, "max_tokens": 10**6,
         "messages": [{"role": "user", "content": json.dumps({"text": "x" * 1000, "tokens": 10**6})}]}
    ).encode()  # fmt: skip
    connection.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    server.until(lambda health: health["busy"])
    server.until(idle)
    assert server.ask("next") == "You said: next"
    connection.close()


def test_a_body_that_never_ends_is_a_408(start: Start) -> None:
    server = start(client_timeout=0.3)
    with server.connect() as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{")
        assert connection.recv(100).startswith(b"HTTP/1.1 408")
    assert server.ask("next") == "You said: next"
