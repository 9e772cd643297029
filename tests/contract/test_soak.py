"""Hundreds of mixed requests with random cancels and faults: no wrong token in any answer, nothing left behind."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.core.client import NOBODY
from services.core.errors import BadRequest, ServiceError
from services.core.events import Text
from services.core.message import Message, message
from services.core.settings import Settings
from services.engines.rkllm_cli import text as rkllm_cli_text
from services.engines.rkllm_cli.engine import RkllmCliEngine
from services.engines.worker.limits import Limits
from services.engines.worker.parent import WorkerEngine
from tests.engines import alive, request, write_cli_model
from tests.npu import Bench, lock_is_free
from tests.openwebui import as_json
from tests.processes import resident
from tests.simulator.build import RELEASES
from tests.simulator.cli import program
from tests.simulator.model import WORDS, answer, chatml, runtime_template
from tests.soak import rounds

SETTLED = 100
"""Jobs after which memory must not grow any more."""

Conversation = list[Message]
Engine = WorkerEngine | RkllmCliEngine


@dataclass
class Kind:
    """What differs between the engines."""

    load: Callable[[], Engine]
    context: Callable[[Conversation], str]
    """What the model is to see of a conversation."""
    faults: tuple[str, ...]
    """Those that end an answer."""
    quiet: tuple[str, ...]
    """Of these, those that look like its end."""
    harmless: tuple[str, ...]


def native(bench: Bench, strategy: str) -> Kind:
    return Kind(
        lambda: bench.loaded(settings={"kv_strategy": strategy, "heartbeat_interval": 1}),
        lambda talk: chatml(as_json(talk)),
        ("error", "fail", "segv", "silent", "exit"),
        ("silent",),
        ("no_finish", "two_finish", "finish_text", "null_text", "null_result", "linger"),
    )


def cli(folder: Path, release: str) -> Kind:
    """The program prints what it is given and heeds no result, so less can pass it unharmed or be told."""
    model = write_cli_model(folder, "cli")

    def load() -> RkllmCliEngine:
        engine = RkllmCliEngine(model, str(program(release)), Limits.of(Settings()), lock=str(folder / "npu.lock"))
        engine.start()
        list(engine.ready(NOBODY))
        return engine

    return Kind(
        load,
        lambda talk: runtime_template(f" {rkllm_cli_text.one_line(rkllm_cli_text.prompt(tuple(talk)))}"),
        ("error", "abort", "segv", "silent", "exit"),
        ("silent",),
        ("no_finish", "pause", "linger"),
    )


class Soak:
    """Six conversations that share one engine, as the scheduler would have it."""

    def __init__(self, kind: Kind, seed: int) -> None:
        self.random = random.Random(seed)
        self._kind = kind
        self._engine: Engine | None = None
        self._talks: list[Conversation] = [[] for _ in range(6)]
        self.seen = {"whole": 0, "cancelled": 0, "failed": 0, "refused": 0, "cut": 0}
        self.loads = self.deadly = 0
        self.rss: list[int] = []

    def engine(self) -> Engine:
        if self._engine is None or not self._engine.alive:
            self._engine = self._kind.load()
            self.loads += 1
        return self._engine

    def stop(self) -> None:
        self.engine().stop()

    def step(self, _number: int) -> None:
        number = self.random.randrange(len(self._talks))
        harmless, faults = self._kind.harmless, self._kind.faults
        weights = [60, *[24 / len(harmless)] * len(harmless), *[1] * len(faults), 3]
        orders = self.random.choices(["", *harmless, *faults, "long"], weights)[0]
        self.deadly += orders in faults
        talk = [*self._talks[number], message("user", self.words(orders))]
        self._talks[number] = self.asked(talk) if len(talk) < 15 else []
        if self._engine is not None and self._engine.alive:
            self.rss.append(resident(self._engine.pid))

    def words(self, order: str) -> str:
        text = " ".join(self.random.choices([*WORDS, "hello", "why?"], k=self.random.randint(1, 12)))
        if order == "long":
            return text + "x" * 5000
        return f"{text} [[fault={order} at={self.random.randint(-1, 4)} ms=2]]" if order else text

    def asked(self, talk: Conversation) -> Conversation:
        """The conversation after its last question: with its answer, or as it was where there was none."""
        leave = self.random.randint(0, 5) if self.random.random() < 0.25 else 10**6
        limit = 3 if self.random.random() < 0.1 else 40
        events = self.engine().generate(
            request(self.engine().model, "", messages=tuple(talk), max_tokens=limit), NOBODY
        )
        whole, text = " ".join(answer(self._kind.context(talk)).split()[:limit]), ""
        try:
            for event in events:
                text += event.text if isinstance(event, Text) else ""
                if len(text.split()) > leave:
                    self.seen["cancelled"] += 1
                    assert whole.startswith(text)
                    return talk[:-1]
        except BadRequest:
            self.seen["refused"] += 1
            return []
        except ServiceError:
            self.seen["failed"] += 1
            assert whole.startswith(text)
            return talk[:-1]
        finally:
            events.close()  # type: ignore[attr-defined]
        quiet = any(f"fault={fault} " in talk[-1].text for fault in self._kind.quiet)
        assert text == whole or (whole.startswith(text) and quiet)
        self.seen["cut" if limit == 3 else "whole"] += 1
        return [*talk, message("assistant", text)]


def soaked(kind: Kind, seed: int, jobs: int) -> Soak:
    soak = Soak(kind, seed)
    steps = sum(1 for _ in map(soak.step, rounds(jobs)))
    assert sum(soak.seen.values()) > steps * 0.9
    assert all(count >= 5 for count in soak.seen.values()), soak.seen
    assert max(soak.rss[SETTLED:]) < max(soak.rss[:SETTLED]) + 8
    return soak


@pytest.mark.parametrize("strategy", ["prefix", "history"])
def test_the_native_engine(bench: Bench, strategy: str) -> None:
    soak = soaked(native(bench, strategy), len(bench.release) + len(strategy), 300)
    assert 1 < soak.loads <= soak.deadly + 1
    last = soak.engine().pid
    assert [engine.pid for engine in bench.made if alive(engine.pid)] == [last]


@pytest.mark.parametrize("release", RELEASES)
def test_the_program(tmp_path: Path, release: str) -> None:
    """Each cancel and each cut costs a load as well."""
    wait_for_logs()
    before = len(os.listdir("/proc/self/fd"))
    soak = soaked(cli(tmp_path, release), len(release), 1000)
    assert 1 < soak.loads <= soak.deadly + soak.seen["cancelled"] + soak.seen["cut"] + 1
    soak.stop()
    wait_for_logs()
    assert lock_is_free(tmp_path / "npu.lock")
    assert len(os.listdir("/proc/self/fd")) == before


def wait_for_logs() -> None:
    """Threads that copy a dead child's log close its pipe when they have read its end."""
    for thread in threading.enumerate():
        if "_pump_log" in thread.name:
            thread.join(10)
