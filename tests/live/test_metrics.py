"""The metrics of the real server, compared with what a client counted and with its own clock."""

from __future__ import annotations

import functools
import re
import socket
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest

from tests.engines import write_fake_model
from tests.live.conftest import Server

Bell = Callable[[], tuple[str, Callable[[], str]]]
Start = Callable[..., Server]

TOKENS, STEPS = 40, 2
STREAM = {"tokens": TOKENS, "delay": 0.05, "prefill_steps": STEPS, "prefill_delay": 1.0}
"""20 tokens per second after two seconds of prefill."""


def page(server: Server) -> str:
    with server.connect() as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def value(text: str, name: str, **labels: str) -> float:
    """The sum of a series over all labels that are not given; 0 where there is none."""
    found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
    return sum(
        float(number) for have, number in found if all(f'{key}="{wanted}"' in have for key, wanted in labels.items())
    )


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        received += connection.recv(65536)
    return received


@dataclass
class Stream:
    """One streamed answer, with the moments at which its pieces arrived."""

    sent: float
    pieces: list[float] = field(default_factory=list)
    ended: float = 0.0

    def follow(self, connection: socket.socket) -> None:
        received = b""
        with connection:
            while b"[DONE]" not in received:
                received += connection.recv(65536)
                now = time.monotonic()
                count = received.count(b'"content":"tok ')
                self.pieces += [now] * (count - len(self.pieces))
        self.ended = now


def lined_up(count: int, health: dict[str, Any]) -> bool:
    """Whether one runs and `count` wait."""
    return bool(health["active_request"]) and bool(health["waiting_requests"] == count)


def test_the_times_agree_with_a_clients_clock(start: Start) -> None:
    """Sums over three answers that wait for each other: seconds each, so that what is compared is not the noise."""
    server = start()
    server.ask("loads the model")
    before = page(server)
    streams: list[Stream] = []
    threads = []
    for count in range(3):
        streams.append(Stream(time.monotonic()))
        connection = server.chat(STREAM, stream=True)
        threads.append(threading.Thread(target=streams[-1].follow, args=(connection,)))
        threads[-1].start()
        server.until(functools.partial(lined_up, count))
    for thread in threads:
        thread.join()
    after = page(server)

    def grown(name: str) -> float:
        return value(after, f"rkllm_{name}") - value(before, f"rkllm_{name}")

    turns = [streams[0].sent, *(stream.ended for stream in streams[:-1])]
    waits = [turn - stream.sent for turn, stream in zip(turns, streams, strict=True)]
    prefills = [stream.pieces[0] - turn for turn, stream in zip(turns, streams, strict=True)]
    firsts = [stream.pieces[0] - stream.sent for stream in streams]
    decodes = [stream.pieces[-1] - stream.pieces[0] for stream in streams]
    wholes = [stream.ended - stream.sent for stream in streams]
    for name, clocked in (
        ("request_queue_time_seconds", waits),
        ("request_prefill_time_seconds", prefills),
        ("time_to_first_token_seconds", firsts),
        ("inter_token_latency_seconds", decodes),
        ("request_decode_time_seconds", decodes),
        ("e2e_request_latency_seconds", wholes),
    ):
        assert grown(f"{name}_sum") == pytest.approx(sum(clocked), rel=0.05), name
    assert grown("time_to_first_token_seconds_count") == 3
    assert grown("inter_token_latency_seconds_count") == 3 * (TOKENS - 1)
    assert grown("generation_tokens_total") == sum(len(stream.pieces) for stream in streams) == 3 * TOKENS
    assert grown("prompt_tokens_total") == 3 * 10 * STEPS


def test_counts_are_what_the_client_counted_through_errors_cancels_and_restarts(start: Start, bell: Bell) -> None:
    server = start("fake", "other", heartbeat_interval=0.1)
    write_fake_model(server.models_dir, "broken", '{"fault": "failed"}')
    tokens = 0
    for count in (1, 5, 9):
        tokens += len(server.ask({"text": "x", "tokens": count}))
    tokens += len(server.ask({"text": "x", "tokens": 9}, max_tokens=4))
    tokens += len(server.ask({"text": "x", "tokens": 2}, model="other"))
    for fault in ("crash", "exit"):
        with pytest.raises(openai.InternalServerError):
            server.ask({"fault": fault, "phase": "prefill"})
    with pytest.raises(openai.InternalServerError):
        server.ask("hello", model="broken")
    for phase in ("prefill", "decode"):
        path, rung = bell()
        script = {"tokens": 3, "fault": "hold", "phase": phase, "at": 1, "bell": path}
        with server.chat(script, stream=True) as connection:
            rung()
            tokens += phase == "decode" and read_until(connection, b'"content":"tok ').count(b'"content":"tok ')
        server.until(lambda health: health["active_request"] is None)
    with pytest.raises(openai.NotFoundError):
        server.ask("hello", model="nobody has this")
    text = page(server)
    chat = {"endpoint": "/v1/chat/completions"}
    assert value(text, "rkllm_requests_total", finished_reason="stop", model="fake", **chat) == 3
    assert value(text, "rkllm_requests_total", finished_reason="length", model="fake", **chat) == 1
    assert value(text, "rkllm_requests_total", finished_reason="stop", model="other", **chat) == 1
    assert value(text, "rkllm_requests_total", finished_reason="error", status="502", **chat) == 3
    assert value(text, "rkllm_requests_total", finished_reason="abort", model="fake", **chat) == 2
    assert value(text, "rkllm_requests_total") == 10
    assert value(text, "rkllm_http_requests_total", status="404", **chat) == 1
    assert value(text, "rkllm_requests_cancelled_total", phase="prefill") == 1
    assert value(text, "rkllm_requests_cancelled_total", phase="decode") == 1
    assert value(text, "rkllm_requests_cancelled_total") == 2
    assert value(text, "rkllm_engine_restarts_total", model="fake") == 2
    assert value(text, "rkllm_model_load_failures_total", model="broken", cause="engine_failed") == 1
    assert value(text, "rkllm_generation_tokens_total") == tokens == 22
    assert value(text, "rkllm_requests_running") == value(text, "rkllm_requests_waiting") == 0
    assert value(text, "vllm:generation_tokens_total") == tokens


def test_a_scrape_waits_for_nobody(start: Start, bell: Bell) -> None:
    server = start(queue_depth=63)
    path, rung = bell()
    held = [server.chat({"fault": "hold", "bell": path}, stream=True)]
    rung()
    held += [server.chat("hello", stream=True) for _ in range(63)]
    server.until(lambda health: health["waiting_requests"] == 63)
    times = []
    for _ in range(9):
        began = time.monotonic()
        text = page(server)
        times.append(time.monotonic() - began)
        assert value(text, "rkllm_requests_running") == 1
        assert value(text, "rkllm_requests_waiting") == 63
    assert statistics.median(times) < 2, "it takes milliseconds; a wait for the held answer would never end"
    for connection in held:
        connection.close()
    server.until(lambda health: health["active_request"] is None and health["waiting_requests"] == 0)


def test_one_line_per_request_also_for_who_left(start: Start, bell: Bell) -> None:
    server = start()
    path, rung = bell()
    connection = server.chat({"fault": "hold", "bell": path}, stream=True)
    rung()
    connection.close()
    server.until(lambda health: health["active_request"] is None)
    server.ask("hello", extra_headers={"X-Request-Id": "the-second"})
    lines = [line for line in server.log().splitlines() if " id=" in line]
    assert re.search(r"status=\d+ outcome=abort .*model=fake .*queue_ms=\d+ load_ms=\d+", lines[0])
    assert re.search(r"id=the-second method=POST \S+ status=200 outcome=stop", lines[1])
    assert len(lines) == 2
