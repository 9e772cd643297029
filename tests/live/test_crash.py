"""Engines that die, hang or break the protocol under the real server: one request fails, the next succeeds."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import openai
import pytest

from tests.engines import alive
from tests.live.conftest import Serve, Server

Bell = Callable[[], tuple[str, Callable[[], str]]]
Start = Callable[..., Server]

FAST = {"first_token_timeout": 1, "first_token_timeout_per_token": 0.0001, "fallback_silence": 1,
        "heartbeat_interval": 0.1, "cancel_timeout": 0.5}  # fmt: skip


def sse(connection: Any) -> list[Any]:
    """The events of a whole streamed answer; fails when the connection breaks off in the middle of one."""
    connection.settimeout(60)
    received = b""
    while not received.endswith(b"0\r\n\r\n"):
        data = connection.recv(65536)
        assert data, received
        received += data
    lines = [line for line in received.splitlines() if line.startswith(b"data: ")]
    return [None if line == b"data: [DONE]" else json.loads(line[6:]) for line in lines]


@pytest.fixture(scope="module")
def fast(serve: Serve) -> Server:
    """Return a server with short time limits."""
    return serve(**FAST)


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("fault", ["crash", "exit", "closes_output", "garbage", "floods", "silent", "ignores_sigterm"])
def test_a_fault_is_one_true_status_and_the_next_request_succeeds(fast: Server, fault: str, phase: str) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        fast.ask({"tokens": 4, "fault": fault, "phase": phase, "at": 2})
    assert caught.value.status_code == (504 if fault in ("silent", "ignores_sigterm") else 502)
    assert caught.value.body["message"]  # type: ignore[index]
    assert fast.ask("next") == "You said: next"
    assert len(fast.engine_pids()) == 1


@pytest.mark.parametrize("fault", ["crash", "exit", "closes_output", "garbage", "silent"])
def test_a_fault_after_the_first_byte_is_an_error_event(fast: Server, fault: str) -> None:
    with fast.chat({"tokens": 4, "fault": fault, "at": 2}, stream=True) as connection:
        events = sse(connection)
    assert events[-1]["error"]["code"] == ("engine_timeout" if fault == "silent" else "engine_failed")
    assert None not in events, "an answer that broke off is not [DONE]"
    assert fast.ask("next") == "You said: next"


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("stream", [True, False])
def test_kill_9_of_the_child_while_it_runs(scripted: Server, bell: Bell, phase: str, stream: bool) -> None:
    path, rung = bell()
    with scripted.chat(
        {"tokens": 3, "fault": "silent", "phase": phase, "at": 1, "bell": path}, stream=stream
    ) as connection:
        rung()
        (engine,) = scripted.engine_pids()
        os.kill(engine, signal.SIGKILL)
        answer = connection.recv(65536)
        while b"SIGKILL" not in answer:
            data = connection.recv(65536)
            assert data, answer
            answer += data
    if phase == "prefill" or not stream:
        assert answer.startswith(b"HTTP/1.1 502")
    assert scripted.ask("next") == "You said: next"
    assert not alive(engine)


def test_kill_9_of_the_child_while_it_loads(start: Start, bell: Bell) -> None:
    path, rung = bell()
    server = start(load={"bell": path, "fault": "silent"})
    with server.chat("hello") as connection:
        rung()
        (engine,) = server.engine_pids()
        os.kill(engine, signal.SIGKILL)
        assert connection.recv(65536).startswith(b"HTTP/1.1 502")
    (server.models_dir / "fake" / "load.json").unlink()
    assert server.ask("next") == "You said: next"


def test_kill_9_of_an_idle_child_costs_no_request(scripted: Server) -> None:
    scripted.ask("hello")
    (engine,) = scripted.engine_pids()
    os.kill(engine, signal.SIGKILL)
    scripted.until(lambda health: not health["process_healthy"])
    assert scripted.ask("next") == "You said: next"


def test_a_model_that_fails_to_load_is_a_502_with_the_reason(start: Start) -> None:
    server = start(load={"fault": "failed"})
    with pytest.raises(openai.InternalServerError, match="on purpose") as caught:
        server.ask("hello")
    assert caught.value.status_code == 502
    assert server.health()["current_model"] is None


def test_kill_9_of_the_server_takes_the_child_with_it(start: Start, bell: Bell) -> None:
    server = start()
    path, rung = bell()
    connection = server.chat({"fault": "silent", "bell": path})
    rung()
    (engine,) = server.engine_pids()
    server.kill(engine)
    assert not alive(engine)
    connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_running_answer_finish(start: Start, bell: Bell, number: int) -> None:
    server = start()
    path, rung = bell()
    running = server.chat({"tokens": 3, "fault": "pause", "at": 1, "bell": path}, stream=True)
    running.recv(1)
    waiting = server.chat("too late", stream=False)
    server.until(lambda health: health["waiting_requests"] == 1)
    server.process.send_signal(number)
    assert waiting.recv(65536).startswith(b"HTTP/1.1 503")
    rung()
    events = sse(running)
    assert events[-1] is None
    assert server.process.wait(60) == 0
    running.close()
    waiting.close()


def test_a_signal_ends_an_answer_that_takes_too_long(start: Start, bell: Bell) -> None:
    """The stream ends with the reason, and not as if the server had crashed."""
    server = start(shutdown_timeout=1)
    path, rung = bell()
    running = server.chat({"tokens": 3, "fault": "hold", "at": 1, "bell": path}, stream=True)
    rung()
    engines = server.engine_pids()
    assert server.end() == 0
    assert not [pid for pid in engines if alive(pid)]
    assert sse(running)[-1]["error"]["code"] == "shutting_down"
    running.close()
