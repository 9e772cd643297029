"""Measure what the server adds to an engine that costs nothing: the scripted one, unlimited and at 50 tokens/s."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.client import Stream, collect, run_request
from bench.direct import Direct, direct
from bench.processes import BARE, Server, environment, serving
from bench.table import Row, median, p95
from tests.engines import write_fake_model

MODEL = "fake"
PACE = 0.02
"""Seconds per token: 50 tokens/s."""

STREAMS = (1, 8, 64)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much to measure."""

    questions: int
    """Answers per time to first token, and pairs per gap between two answers."""
    paced_tokens: int
    """Length of the answer at 50 tokens/s."""
    tokens: int
    """Tokens per measurement at full speed, shared among its streams."""


FULL = Scale(questions=100, paced_tokens=1000, tokens=19_200)
QUICK = Scale(questions=30, paced_tokens=300, tokens=6_400)


def body(tokens: int, delay: float = 0.0) -> dict[str, Any]:
    """Return a request that the scripted engine answers with `tokens` tokens, each after `delay` seconds."""
    script = json.dumps({"text": "tok ", "tokens": tokens, "delay": delay})
    return {"model": MODEL, "messages": [{"role": "user", "content": script}], "max_tokens": tokens}


def rows(scale: Scale, folder: Path) -> Iterator[Row]:
    """Yield the measurements; `folder` is for the model and the logs. Blocks."""
    write_fake_model(folder / "models", MODEL)
    env = environment(folder / "models", queue_depth=2 * max(STREAMS))
    with serving("tests.live.fake_app:create()", env, folder / "fake.log") as server, direct(env, MODEL) as engine:
        run_request(server.port, body(1))
        idle = server.rss()
        yield from first_tokens("unlimited", 0.0, scale, server, engine)
        yield from first_tokens("50 tok/s", PACE, scale, server, engine)
        yield from paced(scale, server, engine)
        for count in STREAMS:
            yield from throughput(count, scale.tokens // count, server, engine)
        yield from queued_gap(scale.questions // 3, server, engine)
        bare = bare_rss(folder)
        yield Row("API process memory, after its first answer", "MB", idle, bare, 50)
        yield Row("API process memory, after all of the above", "MB", server.rss(), bare, 50)


def first_tokens(name: str, delay: float, scale: Scale, server: Server, engine: Direct) -> Iterator[Row]:
    """Yield the time to first token over HTTP, connection included, against the pipes; the two alternate."""
    ours, theirs = [], []
    for _ in range(scale.questions):
        stream = run_request(server.port, body(1, delay))
        ours.append(1000 * (stream.tokens()[0] - stream.started))
        started, arrived = engine.tokens(body(1, delay))
        theirs.append(1000 * (arrived[0] - started))
    base = median(theirs)
    yield Row(f"TTFT p50, {name}", "ms", median(ours), base)
    yield Row(f"TTFT p95, {name}", "ms", p95(ours), p95(theirs))
    yield Row(f"TTFT overhead p50, {name}", "ms", median(ours) - base, None, 7)
    yield Row(f"TTFT overhead p95, {name}", "ms", p95(ours) - base, None, 7)


def paced(scale: Scale, server: Server, engine: Direct) -> Iterator[Row]:
    """Yield the processor time per token and the largest gap of an answer at 50 tokens/s."""
    request = body(scale.paced_tokens, PACE)
    cpu = server.cpu()
    ours = run_request(server.port, request).tokens()
    cpu = server.cpu() - cpu
    base_cpu = time.process_time()
    theirs = engine.tokens(request)[1]
    base_cpu = time.process_time() - base_cpu
    yield Row("API CPU per token, 50 tok/s", "ms", 1000 * cpu / len(ours), 1000 * base_cpu / len(theirs), 0.43)
    yield Row("Largest gap between tokens, 50 tok/s", "ms", largest_gap(ours), largest_gap(theirs))


def largest_gap(times: list[float]) -> float:
    """Return the largest difference between consecutive `times` (seconds) in milliseconds."""
    return 1000 * max(after - before for before, after in itertools.pairwise(times))


def throughput(count: int, tokens: int, server: Server, engine: Direct) -> Iterator[Row]:
    """Yield the event rate of `count` concurrent streams of `tokens` tokens each, through the one engine."""
    started, cpu, own = time.perf_counter(), server.cpu(), time.process_time()
    streams = [Stream(server.port, body(tokens)) for _ in range(count)]
    collect(streams)
    own, cpu = time.process_time() - own, server.cpu() - cpu
    arrived = [moment for stream in streams for moment in stream.tokens()]
    ours = len(arrived) / (max(arrived) - started)
    theirs, base_cpu = direct_throughput(count, tokens, engine)
    name = f"{count} stream{'s' if count > 1 else ''}"
    yield Row(f"Events per second, {name}", "1/s", ours, theirs)
    if count == 1:
        yield Row(f"API CPU per token, unlimited, {name}", "ms", 1000 * cpu / len(arrived), base_cpu)
        yield Row("This client's CPU per token, for comparison", "ms", 1000 * own / len(arrived))


def direct_throughput(count: int, tokens: int, engine: Direct) -> tuple[float, float]:
    """Run the same answers over the pipes, one after the other.

    Returns events per second and CPU milliseconds per token.
    """
    started, cpu = time.perf_counter(), time.process_time()
    arrived = [moment for _ in range(count) for moment in engine.tokens(body(tokens))[1]]
    return len(arrived) / (arrived[-1] - started), 1000 * (time.process_time() - cpu) / len(arrived)


def queued_gap(pairs: int, server: Server, engine: Direct) -> Iterator[Row]:
    """Yield how long the engine idles between an answer and the next one in the queue, as clients see it."""
    ours, theirs = [], []
    for _ in range(pairs):
        first = Stream(server.port, body(5, PACE))
        second = Stream(server.port, body(1))
        collect([first, second])
        ours.append(1000 * (second.tokens()[0] - first.tokens()[-1]))
        last = engine.tokens(body(5, PACE))[1][-1]
        theirs.append(1000 * (engine.tokens(body(1))[1][0] - last))
    yield Row("Idle gap between two queued answers, p50", "ms", median(ours), median(theirs))
    yield Row("Idle gap between two queued answers, p95", "ms", p95(ours), p95(theirs))


def bare_rss(folder: Path) -> float:
    """Return the MB of memory of a gunicorn gevent worker with an empty application."""
    with serving("bench.empty_app:create()", os.environ, folder / "empty.log", BARE) as server:
        return server.rss()
