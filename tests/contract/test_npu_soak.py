"""Some hundred mixed jobs with random cancels and faults: no wrong token in any answer, nothing left behind."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from services.core.client import NOBODY
from services.core.errors import BadRequest, ServiceError
from services.core.events import Text
from services.engines.worker import WorkerEngine
from tests.engines import alive, job
from tests.npu import Bench
from tests.simulator.model import WORDS, answer, chatml

JOBS = 300
FAULTS = ("error", "fail", "segv", "silent", "exit")
HARMLESS = ("no_finish", "two_finish", "finish_text", "null_text", "null_result", "linger")
SETTLED = 100
"""Jobs after which memory must not grow any more."""

Conversation = list[dict[str, str]]


class Soak:
    """Six conversations that share one engine, as the scheduler would have it."""

    def __init__(self, bench: Bench, seed: int, strategy: str) -> None:
        self.random = random.Random(seed)
        self._bench, self._strategy = bench, strategy
        self._engine: WorkerEngine | None = None
        self._talks: list[Conversation] = [[] for _ in range(6)]
        self.seen = {"whole": 0, "cancelled": 0, "failed": 0, "refused": 0}
        self.loads = self.deadly = 0
        self.rss: list[int] = []

    def engine(self) -> WorkerEngine:
        if self._engine is None or not self._engine.alive:
            self._engine = self._bench.loaded(settings={"kv_strategy": self._strategy, "heartbeat_interval": 1})
            self.loads += 1
        return self._engine

    def step(self) -> None:
        number = self.random.randrange(len(self._talks))
        orders = self.random.choices(["", *HARMLESS, *FAULTS, "long"], [60, *[4] * 6, *[1] * 5, 3])[0]
        self.deadly += orders in FAULTS
        talk = [*self._talks[number], {"role": "user", "content": self.words(orders)}]
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
        events = self.engine().generate(job(self.engine().model, "", messages=tuple(talk), max_tokens=40), NOBODY)
        whole, text = answer(chatml(talk)), ""
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
        assert text == whole or (whole.startswith(text) and "fault=silent" in talk[-1]["content"])
        self.seen["whole"] += 1
        return [*talk, {"role": "assistant", "content": text}]


def resident(pid: int) -> int:
    """Resident memory of a process, in kB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


@pytest.mark.parametrize("strategy", ["prefix", "history"])
def test_mixed_jobs_with_cancels_and_faults(bench: Bench, strategy: str) -> None:
    soak = Soak(bench, seed=len(bench.release) + len(strategy), strategy=strategy)
    for _ in range(JOBS):
        soak.step()
    assert sum(soak.seen.values()) > JOBS * 0.9
    assert all(count >= 5 for count in soak.seen.values()), soak.seen
    assert 1 < soak.loads <= soak.deadly + 1
    assert max(soak.rss[SETTLED:]) < max(soak.rss[:SETTLED]) + 8 * 1024
    last = soak.engine().pid
    assert [engine.pid for engine in bench.made if alive(engine.pid)] == [last]
