"""The pool of loaded models: which ones stay, which ones are evicted, and why. The kernel's files are a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from services.core.caller import Caller
from services.core.client import NOBODY, Client
from services.core.errors import EngineFailed
from services.core.events import Done, Event, Usage, Waiting
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.request import EngineRequest
from services.core.settings import Settings
from services.scheduler.eviction import Candidate, Eviction, plan_evictions
from services.scheduler.memory import MIB, PROCESS, RESERVE, Memory, estimate_bytes
from services.scheduler.scheduler import Scheduler
from tests.engines import request

CHAT = Model("chat", Path("chat.gguf"), "llama", 4096, 0, 0)
OTHER = replace(CHAT, id="other")
VECTORS = replace(CHAT, id="vectors", capabilities=frozenset({"embedding"}))
NPU, NPU_TOO = replace(CHAT, id="npu", engine="rkllm"), replace(CHAT, id="npu-too", engine="rkllm_cli")


class Puppet:
    """An engine whose process takes as much memory as the rig says."""

    def __init__(self, model: Model, rig: Rig) -> None:
        self.model, self.rig = model, rig
        self.alive, self.pid = False, 100 + len(rig.made)
        self.info: dict[str, str | int | float] = {}

    def start(self) -> None:
        self.alive = True
        folder = self.rig.procfs / str(self.pid)
        folder.mkdir(parents=True)
        (folder / "status").write_text(f"VmRSS:\t{self.rig.mib.get(self.model.id, 0) * 1024} kB\n")

    def ready(self, client: Client) -> Iterator[Waiting]:
        if self.model.id in self.rig.broken:
            raise EngineFailed("on purpose")
        yield from ()

    def generate(self, request: EngineRequest, client: Client) -> Iterator[Event]:
        yield Done("stop", Usage())

    def stop(self) -> None:
        self.alive = False


@dataclass
class Rig:
    """A scheduler with puppets as engines, and with a clock and a /proc of its own."""

    folder: Path
    mib: dict[str, int] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    made: list[Puppet] = field(default_factory=list)
    now: float = 0.0

    @property
    def procfs(self) -> Path:
        return self.folder / "proc"

    def start(self, **settings: Any) -> Rig:
        self.metrics = Metrics()
        chosen = Settings(procfs_dir=self.procfs, **settings)
        self.scheduler = Scheduler(chosen, self.make, lambda: self.now, self.metrics)
        return self

    def make(self, model: Model) -> Puppet:
        self.made.append(Puppet(model, self))
        return self.made[-1]

    def available(self, mib: int) -> None:
        self.procfs.mkdir(exist_ok=True)
        (self.procfs / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable:  {mib * 1024} kB\n")

    def serve(self, *models: Model) -> tuple[str, ...]:
        """Serve a request for each of `models` and return which ones are loaded then."""
        for model in models:
            list(self.scheduler.serve(request(model, "x"), NOBODY))
        return tuple(self.scheduler.status().models)

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"rkllm_{name}", labels)


A100, B200, N50 = Candidate("a", 100), Candidate("b", 200), Candidate("n", 50, "npu")
"""Loaded models of 100, 200 and 50 bytes; the last one occupies the NPU."""


@pytest.mark.parametrize(
    ("loaded", "device", "max_models", "missing", "plan"),
    [
        ([], "npu", 1, 999, []),
        ([A100, B200], "", 0, 0, []),
        ([A100, B200], "", 0, -1, []),
        ([A100, B200], "", 0, 1, [("a", "memory")]),
        ([A100, B200], "", 0, 100, [("a", "memory")]),
        ([A100, B200], "", 0, 101, [("a", "memory"), ("b", "memory")]),
        ([A100, B200], "", 0, 999, [("a", "memory"), ("b", "memory")]),
        ([B200, A100], "", 0, 1, [("b", "memory")]),
        ([A100, B200], "", 3, 0, []),
        ([A100, B200], "", 2, 0, [("a", "count")]),
        ([A100, B200], "", 1, 0, [("a", "count"), ("b", "count")]),
        ([A100, B200], "", 2, 101, [("a", "count"), ("b", "memory")]),
        ([A100, N50], "npu", 0, 0, [("n", "device")]),
        ([A100, N50], "", 0, 0, []),
        ([A100, N50], "gpu", 0, 0, []),
        ([A100, N50], "npu", 0, 50, [("n", "device")]),
        ([A100, N50], "npu", 0, 51, [("n", "device"), ("a", "memory")]),
        ([A100, N50], "npu", 2, 0, [("n", "device")]),
        ([A100, N50], "npu", 1, 0, [("n", "device"), ("a", "count")]),
        ([N50, A100, B200], "", 3, 60, [("n", "count"), ("a", "memory")]),
    ],
)
def test_evictions_are_planned_by_device_count_and_memory(
    loaded: list[Candidate], device: str, max_models: int, missing: int, plan: list[tuple[str, Any]]
) -> None:
    found = plan_evictions(loaded, device, max_models, missing)
    assert found == [Eviction(model_id, cause) for model_id, cause in plan]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_chat_model_and_one_for_vectors_stay_loaded_together(rig: Rig) -> None:
    assert rig.start().serve(CHAT, VECTORS, CHAT, VECTORS) == ("chat", "vectors")
    assert len(rig.made) == 2
    status = rig.scheduler.status()
    assert (status.model, status.engine_pid, status.process_healthy) == ("vectors", rig.made[1].pid, True)


def test_beyond_the_budget_the_least_recently_used_model_is_evicted(rig: Rig) -> None:
    rig.mib = {"chat": 400, "vectors": 100, "other": 300}
    rig.start(memory_budget=800)
    assert rig.serve(CHAT, VECTORS, OTHER) == ("chat", "vectors", "other")
    rig.serve(CHAT)
    assert rig.scheduler._pool.evict_all("request") == ["vectors", "other", "chat"]
    assert rig.start(memory_budget=799).serve(CHAT, VECTORS, CHAT, OTHER) == ("chat", "other")


def test_a_model_needs_what_it_took_before(rig: Rig) -> None:
    rig.mib = {"chat": 400, "other": 500}
    rig.start(memory_budget=600)
    assert rig.serve(CHAT, OTHER) == ("other",), (
        "it took more than its estimate, so the other model made room after the load"
    )
    evictions = [
        rig.metrics.registry.get_sample_value("rkllm_model_evictions_total", {"model": "chat", "reason": "swap"})
    ]
    assert evictions == [1]
    rig.serve(CHAT)
    assert list(rig.scheduler.status().models) == ["chat"]


def test_a_model_over_the_budget_is_loaded_alone(rig: Rig) -> None:
    rig.mib = {"chat": 900, "vectors": 10}
    assert rig.start(memory_budget=100).serve(VECTORS, CHAT) == ("chat",)
    assert rig.serve(CHAT) == ("chat",)


def test_without_a_budget_the_available_memory_decides(rig: Rig) -> None:
    rig.start()
    rig.available(2000)
    assert rig.serve(CHAT, OTHER) == ("chat", "other")
    rig.available((RESERVE // 4 + estimate_bytes(VECTORS)) // MIB)
    assert rig.serve(VECTORS) == ("chat", "other", "vectors"), "a small model needs little room"
    list(rig.scheduler.unload(NOBODY, VECTORS))
    rig.available((RESERVE // 4 + estimate_bytes(VECTORS)) // MIB - 1)
    assert rig.serve(VECTORS) == ("vectors",)


def test_a_large_model_leaves_room_for_other_programs(rig: Rig) -> None:
    large = replace(OTHER, size_bytes=2000 * MIB)
    rig.start()
    rig.available((RESERVE + estimate_bytes(large)) // MIB + 1)
    assert rig.serve(CHAT, large) == ("chat", "other")
    list(rig.scheduler.unload(NOBODY, large))
    rig.available((RESERVE + estimate_bytes(large)) // MIB)
    assert rig.serve(large) == ("other",)


def test_a_machine_that_does_not_report_its_memory_keeps_all(rig: Rig) -> None:
    assert len(rig.start().serve(CHAT, OTHER, VECTORS)) == 3


def test_no_more_models_are_loaded_than_allowed(rig: Rig) -> None:
    assert rig.start(models_resident=2).serve(CHAT, VECTORS, CHAT, OTHER) == ("chat", "other")


def test_the_npu_has_one_model_and_the_cpu_another_beside_it(rig: Rig) -> None:
    rig.start()
    assert rig.serve(NPU, VECTORS, NPU_TOO) == ("vectors", "npu-too")
    assert not rig.made[0].alive
    assert rig.serve(VECTORS, NPU) == ("vectors", "npu")


def test_each_model_is_unloaded_when_it_is_idle(rig: Rig) -> None:
    rig.start(idle_unload_timeout=100).serve(CHAT)
    rig.now = 60
    rig.serve(VECTORS)
    rig.now = 100
    rig.scheduler.tidy()
    assert list(rig.scheduler.status().models) == ["vectors"]
    rig.now = 160
    rig.scheduler.tidy()
    assert not rig.scheduler.status().models


def test_a_crash_of_one_model_leaves_the_others(rig: Rig) -> None:
    rig.start().serve(CHAT, VECTORS)
    rig.made[1].alive = False
    assert rig.scheduler.status().process_healthy is False
    assert rig.serve(CHAT) == ("vectors", "chat")
    assert len(rig.made) == 2
    rig.serve(VECTORS)
    assert rig.value("engine_restarts_total", model="vectors") == 1
    assert rig.value("model_loaded", model="chat") == 1


def test_a_failed_load_leaves_the_other_models(rig: Rig) -> None:
    rig.broken = {"other"}
    rig.start().serve(CHAT)
    with pytest.raises(EngineFailed):
        rig.serve(OTHER)
    assert list(rig.scheduler.status().models) == ["chat"]


def test_the_status_says_how_long_each_model_stays(rig: Rig) -> None:
    rig.start(idle_unload_timeout=100).serve(CHAT)
    rig.now = 60
    list(rig.scheduler.select(VECTORS, Client(caller=Caller(admin=True)), 500))
    assert rig.scheduler.status().models == {"chat": 40, "vectors": 500}
    rig.now = 90
    assert rig.scheduler.status().models == {"chat": 10, "vectors": 470}


def unload(rig: Rig, model: Model | None) -> list[str]:
    waits = rig.scheduler.unload(NOBODY, model)
    with pytest.raises(StopIteration) as end:
        next(waits)
    found: list[str] = end.value.value
    return found


def test_one_model_or_all_are_unloaded(rig: Rig) -> None:
    rig.start().serve(CHAT, VECTORS, OTHER)
    assert unload(rig, VECTORS) == ["vectors"]
    assert unload(rig, VECTORS) == []
    assert unload(rig, None) == ["chat", "other"]
    assert not [puppet for puppet in rig.made if puppet.alive]


def test_every_loaded_model_needs_no_load(rig: Rig) -> None:
    rig.start().serve(CHAT, VECTORS)
    pool = rig.scheduler._pool
    assert [pool.is_loaded(name) for name in ("chat", "vectors", "other")] == [True, True, False]


def test_an_estimate_counts_file_context_and_process() -> None:
    model = replace(CHAT, size_bytes=1000 * MIB, context_length=4096)
    assert estimate_bytes(model) == pytest.approx(1000 * MIB * (1.1 + 1.6e-5 * 4096) + PROCESS, rel=1e-6)
    assert Memory(Settings(procfs_dir=Path("/nowhere"))).missing((), estimate_bytes(model)) == 0
