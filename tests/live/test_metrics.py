"""The metrics of the real server, compared with what a client counted and with its own clock."""

from __future__ import annotations

import functools
import re
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.live.conftest import Server
from tests.simulator import build
from tests.simulator.model import write_model

Bell = Callable[[], tuple[str, Callable[[], str]]]
Start = Callable[..., Server]

TOKENS, TOKEN_US = 40, 50_000
"""20 tokens per second."""

PROMPT, PREFILL_US = "x" * 60, 20_000
"""More than a second of prefill: a character is a token."""

STREAM = {"stream": True, "stream_options": {"include_usage": True}}


def page(server: Server) -> str:
    with server.connect() as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def value(text: str, name: str, **labels: str) -> float:
    """The sum of a series over all labels that are not given; 0 where there is none."""
    found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
    return sum(
        float(number) for have, number in found if all(f'{key}="{wanted}"' in have for key, wanted in labels.items())
    )


@dataclass
class Stream:
    """One streamed answer, with the moments at which its pieces arrived."""

    sent: float
    pieces: list[float] = field(default_factory=list)
    ended: float = 0.0
    prompt: int = 0
    """Tokens, as the answer's usage has them."""

    def follow(self, connection: socket.socket) -> None:
        received = b""
        with connection:
            while b"[DONE]" not in received:
                received += connection.recv(65536)
                now = time.monotonic()
                self.pieces += [now] * (pieces(received) - len(self.pieces))
        self.ended = now
        self.prompt = int(re.findall(rb'"prompt_tokens":(\d+)', received)[0])


def pieces(received: bytes) -> int:
    """How many chunks of a stream bring text; the first of all has an empty one."""
    return len(re.findall(rb'"content":"[^"]', received))


class Counted:
    """A client that counts what it gets."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.tokens = self.prompts = 0
        self.ends: Counter[str] = Counter()

    def ask(self, text: str, model: str = "sim", **more: Any) -> str:
        """Read a stream to its end; returns the finish reason or the error's code."""
        with self._server.client() as client:
            end = self._end(client, {"model": model, "messages": [{"role": "user", "content": text}], **STREAM, **more})
        self.ends[end] += 1
        return end

    def _end(self, client: Any, request: dict[str, Any]) -> str:
        end = ""
        try:
            for chunk in client.chat.completions.create(**request):
                self.prompts += chunk.usage.prompt_tokens if chunk.usage else 0
                for choice in chunk.choices:
                    self.tokens += bool(choice.delta.content)
                    end = choice.finish_reason or end
        except openai.APIError as error:
            return str(error.code)
        return end

    def leave(self, text: str, after: int) -> None:
        """Hang up after so many tokens, when no further one can come; with none, in prefill."""
        with self._server.chat(text, "sim", **STREAM) as connection:
            received = b""
            while pieces(received) < after or (not after and b": prefill" not in received):
                received += connection.recv(65536)
            self.tokens += pieces(received)
        self._server.until(lambda health: not health["busy"])
        self.ends["left"] += 1


def lined_up(count: int, health: dict[str, Any]) -> bool:
    """Whether one runs and `count` wait."""
    return bool(health["busy"]) and bool(health["waiting_requests"] == count)


@pytest.fixture(params=build.RELEASES)
def npu(request: pytest.FixtureRequest, start: Start, tmp_path: Path) -> Server:
    """The server with the NPU engine on the simulated runtime."""
    library = build.library(request.param)
    return start(runtime_library=library, npu_lock=tmp_path / "npu.lock", heartbeat_interval=0.1)


@pytest.mark.parametrize("npu", ["1.3.0"], indirect=True)
def test_the_times_agree_with_a_clients_clock(npu: Server) -> None:
    """Sums over three answers that wait for each other: seconds each, so that what is compared is not the noise."""
    write_model(npu.models_dir / "sim", tokenizer=True, prefill_us=PREFILL_US)
    npu.ask("loads the model", "sim")
    before = page(npu)
    streams: list[Stream] = []
    threads = []
    for count in range(3):
        streams.append(Stream(time.monotonic()))
        # What comes first differs, or the beginning of the prompt would not be prefilled again.
        connection = npu.chat(f"{count}{PROMPT}[[tokens={TOKENS} us={TOKEN_US}]]", "sim", **STREAM)
        threads.append(threading.Thread(target=streams[-1].follow, args=(connection,)))
        threads[-1].start()
        npu.until(functools.partial(lined_up, count))
    for thread in threads:
        thread.join()
    after = page(npu)

    def grown(name: str) -> float:
        return value(after, f"rkllm_{name}") - value(before, f"rkllm_{name}")

    turns = [streams[0].sent, *(stream.ended for stream in streams[:-1])]
    waits = [turn - stream.sent for turn, stream in zip(turns, streams, strict=True)]
    prefills = [stream.pieces[0] - turn for turn, stream in zip(turns, streams, strict=True)]
    firsts = [stream.pieces[0] - stream.sent for stream in streams]
    decodes = [stream.pieces[-1] - stream.pieces[0] for stream in streams]
    wholes = [stream.ended - stream.sent for stream in streams]
    assert min(prefills) > 1
    for name, clocked in (
        ("request_queue_time_seconds", waits),
        ("request_prefill_time_seconds", prefills),
        ("time_to_first_token_seconds", firsts),
        ("inter_token_latency_seconds", decodes),
        ("request_decode_time_seconds", decodes),
        ("e2e_request_latency_seconds", wholes),
    ):
        assert grown(f"{name}_sum") == pytest.approx(sum(clocked), rel=0.05, abs=0.5), name
    assert grown("time_to_first_token_seconds_count") == 3
    assert grown("inter_token_latency_seconds_count") == 3 * (TOKENS - 1)
    assert grown("generation_tokens_total") == sum(len(stream.pieces) for stream in streams) == 3 * TOKENS
    assert grown("prompt_tokens_total") == sum(stream.prompt for stream in streams) > 3 * len(PROMPT)


def test_counts_are_what_the_client_counted_through_errors_cancels_and_restarts(npu: Server) -> None:
    for name in ("sim", "other"):
        write_model(npu.models_dir / name, tokenizer=True)
    write_model(npu.models_dir / "broken", load_fault="no_device")
    counted = Counted(npu)
    for words in (1, 5, 9):
        assert counted.ask(f"Hello. [[tokens={words}]]") == "stop"
    assert counted.ask("Hello. [[tokens=9]]", max_tokens=4) == "length"
    assert counted.ask("Hello. [[tokens=2]]", "other") == "stop"
    for fault in ("segv", "exit", "error", "silent"):
        assert counted.ask(f"Hello. [[fault={fault} at=-1]]") == "engine_failed"
        assert counted.ask(f"Hello. [[fault={fault} at=3 tokens=9]]", "other") in ("engine_failed", "stop")
    assert counted.ask("Hello.", "broken") == "engine_failed"
    counted.leave("Hello. [[fault=stall at=-1]]", 0)
    counted.leave("Hello. [[fault=stall at=3 tokens=9]]", 3)
    assert counted.ask("Hello.", "nobody has this") == "model_not_found"
    text = page(npu)
    chat = {"endpoint": "/v1/chat/completions"}
    ends = counted.ends
    assert value(text, "rkllm_requests_total", finished_reason="stop", **chat) == ends["stop"] == 5
    assert value(text, "rkllm_requests_total", finished_reason="length", model="sim", **chat) == ends["length"] == 1
    assert value(text, "rkllm_requests_total", finished_reason="error", **chat) == ends["engine_failed"] == 8
    assert value(text, "rkllm_requests_total", finished_reason="abort", model="sim", **chat) == ends["left"] == 2
    assert value(text, "rkllm_requests_total") == 16
    assert value(text, "rkllm_http_requests_total", status="404", **chat) == ends["model_not_found"] == 1
    assert value(text, "rkllm_requests_cancelled_total", phase="prefill") == 1
    assert value(text, "rkllm_requests_cancelled_total", phase="decode") == 1
    assert value(text, "rkllm_requests_cancelled_total") == 2
    assert value(text, "rkllm_engine_restarts_total", model="sim") == 4
    assert value(text, "rkllm_engine_restarts_total", model="other") == 3
    assert value(text, "rkllm_model_load_failures_total", model="broken", cause="engine_failed") == 1
    assert value(text, "rkllm_generation_tokens_total") == counted.tokens > 28
    assert value(text, "rkllm_prompt_tokens_total") == counted.prompts > 0
    assert value(text, "rkllm_requests_running") == value(text, "rkllm_requests_waiting") == 0
    assert value(text, "vllm:generation_tokens_total") == counted.tokens


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
    server.until(lambda health: not health["busy"] and health["waiting_requests"] == 0)


def test_each_request_has_one_log_line_also_if_its_client_left(start: Start, bell: Bell) -> None:
    server = start()
    path, rung = bell()
    connection = server.chat({"fault": "hold", "bell": path}, stream=True)
    rung()
    connection.close()
    server.until(lambda health: not health["busy"])
    server.ask("hello", extra_headers={"X-Request-Id": "the-second"})
    lines = [line for line in server.log().splitlines() if " id=" in line]
    assert re.search(r"status=\d+ outcome=abort .*model=fake .*queue_ms=\d+ load_ms=\d+", lines[0])
    assert re.search(r"id=the-second method=POST \S+ status=200 outcome=stop", lines[1])
    assert len(lines) == 2
