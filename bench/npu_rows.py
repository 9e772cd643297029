"""Measure the NPU engine on the simulated runtime, without HTTP: the worker's cost, KV reuse, cancels and gaps."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from bench.table import Row, median
from services.core.client import NOBODY
from services.core.events import Done, Event, Text
from services.core.message import Message, message
from services.core.model import Model
from services.core.settings import Settings
from services.engines.worker.parent import WorkerEngine
from services.scheduler.scheduler import Scheduler
from tests.engines import request
from tests.npu import npu_engine, npu_model, npu_settings
from tests.simulator.build import RELEASES

PREFILL_US = 1000
"""Microseconds per prompt token; the simulated tokens are single bytes, so they cost less than real ones."""

TURNS = 10
PACE_US = 83_333
"""Microseconds per answer token: 12 tokens/s."""


def rows(quick: bool, folder: Path) -> Iterator[Row]:
    """Yield the measurements with each release of the runtime. Blocks."""
    for release in RELEASES:
        yield from measure_release(release, quick, folder / release)


def measure_release(release: str, quick: bool, folder: Path) -> Iterator[Row]:
    """Load the engine with one release of the runtime and yield its measurements. Blocks."""
    settings = npu_settings(folder, release, heartbeat_interval=10)
    model = npu_model(folder, tokenizer=True)
    engine = npu_engine(settings, RKLLM_SIM_PREFILL_US=str(PREFILL_US))(model)
    engine.start()
    try:
        list(engine.ready(NOBODY))
        yield from conversation(engine, release)
        yield from cancels(engine, release, 3 if quick else 10)
        yield from paced(engine, release, 24 if quick else 96)
        yield from unlimited(engine, release)
        yield from queued_gap(settings, model, release, 3 if quick else 20)
    finally:
        engine.stop()


def generate(engine: WorkerEngine, *messages: Message, tokens: int = 64) -> Iterator[Event]:
    """Run one chat of at most `tokens` tokens and yield its events."""
    return iter(engine.generate(request(engine.model, "", messages=messages, max_tokens=tokens), NOBODY))


def user(text: str) -> Message:
    """Return a user's message."""
    return message("user", text)


def conversation(engine: WorkerEngine, release: str) -> Iterator[Row]:
    """Yield the time to first token as a conversation grows; the baseline is the prefill of the whole prompt."""
    messages: list[Message] = []
    for turn in range(1, TURNS + 1):
        messages.append(user("Tell me something about another tree that grows by the sea."))
        started, first, text = time.perf_counter(), 0.0, ""
        for event in generate(engine, *messages):
            if isinstance(event, Text):
                first = first or time.perf_counter() - started
                text += event.text
            elif isinstance(event, Done):
                whole = event.usage.prompt_tokens * PREFILL_US / 1000
        messages.append(message("assistant", text))
        if turn in (1, 2, TURNS):
            yield Row(f"NPU {release}: TTFT, turn {turn}, against the whole prefill", "ms", 1000 * first, whole)


def cancels(engine: WorkerEngine, release: str, rounds: int) -> Iterator[Row]:
    """Yield the time from a cancel in the middle of an answer to the idle engine."""
    durations = []
    for _ in range(rounds):
        events = generate(engine, user("[[tokens=2000 us=1000]]"), tokens=2000)
        next(event for event in events if isinstance(event, Text))
        started = time.perf_counter()
        events.close()  # type: ignore[attr-defined]
        durations.append(1000 * (time.perf_counter() - started))
    yield Row(f"NPU {release}: cancel in decode, p50", "ms", median(durations))


def paced(engine: WorkerEngine, release: str, tokens: int) -> Iterator[Row]:
    """Yield the gaps of an answer at 12 tokens/s, and the CPU time of both processes per token."""
    cpu, arrived = time.process_time() + worker_cpu(engine), []
    for event in generate(engine, user(f"[[tokens={tokens} us={PACE_US}]]"), tokens=tokens):
        arrived += [time.perf_counter()] if isinstance(event, Text) else []
    cpu = time.process_time() + worker_cpu(engine) - cpu
    gap = 1000 * (arrived[-1] - arrived[0]) / (len(arrived) - 1)
    yield Row(f"NPU {release}: between tokens at 12 tok/s", "ms", gap, PACE_US / 1000)
    yield Row(f"NPU {release}: CPU per token at 12 tok/s, worker and parent", "ms", 1000 * cpu / len(arrived))


def unlimited(engine: WorkerEngine, release: str) -> Iterator[Row]:
    """Yield the token rate of an answer at full speed."""
    count, first = 0, 0.0
    for event in generate(engine, user("[[tokens=3000]]"), tokens=3000):
        if isinstance(event, Text):
            first = first or time.perf_counter()
            count += 1
    yield Row(f"NPU {release}: tokens per second, unlimited", "1/s", (count - 1) / (time.perf_counter() - first))


def queued_gap(settings: Settings, model: Model, release: str, rounds: int) -> Iterator[Row]:
    """Yield how long the NPU idles between an answer and the next one in the queue: last token to first."""
    make = npu_engine(msgspec.structs.replace(settings, npu_lock=settings.models_dir / "gap.lock"))
    scheduler = Scheduler(settings, make)
    gaps: list[float] = []
    try:
        for _ in range(rounds):
            with ThreadPoolExecutor() as pool:
                first = pool.submit(token_times, scheduler, model, f"[[tokens=5 us={PACE_US}]]")
                while not scheduler.status().active_request:
                    time.sleep(0.001)
                second = pool.submit(token_times, scheduler, model, "[[tokens=1]]")
            gaps.append(1000 * (second.result()[0] - first.result()[-1]))
    finally:
        scheduler.stop()
    yield Row(f"NPU {release}: idle gap between two queued answers, p50", "ms", median(gaps))


def token_times(scheduler: Scheduler, model: Model, text: str) -> list[float]:
    """Return when each token of an answer came through the queue, in `perf_counter` seconds. Blocks."""
    events = scheduler.serve(request(model, text, max_tokens=8), NOBODY)
    return [time.perf_counter() for event in events if isinstance(event, Text)]


def worker_cpu(engine: WorkerEngine) -> float:
    """Return the seconds of processor time that the worker has used."""
    fields = Path(f"/proc/{engine.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
