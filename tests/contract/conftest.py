"""One suite over every engine: each fixture value is a way to make one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.core.catalog import Catalog
from services.core.job import Job
from services.core.model import Model
from services.core.settings import Settings
from services.engines.factory import ENGINES
from services.engines.worker import WorkerEngine
from tests.engines import REAL_MODEL, REAL_MODELS, fake, job, write_fake_model
from tests.npu import Bench, npu_engine, npu_model, npu_settings
from tests.simulator import build

SETTINGS = Settings(heartbeat_interval=0.1, cpu_batch_size=32)


@dataclass
class Rig:
    """An engine under test: how to make it, and the words of its jobs."""

    model: Model
    make: Callable[[Model], Any]
    long_answer: str
    """A prompt whose answer has many tokens."""
    long_prompt: str
    """A prompt whose prefill takes several steps."""

    def job(self, text: str, **changes: Any) -> Job:
        return job(self.model, text, **changes)


def real_rig() -> Rig:
    model = Catalog(Settings(models_dir=REAL_MODELS)).resolve(REAL_MODEL)
    return Rig(model, lambda m: ENGINES["llama"](SETTINGS, m), "Tell a long story about a fox.", "Say it again. " * 300)


def fake_rig(models_dir: Path) -> Rig:
    write_fake_model(models_dir, "fake")
    model = Catalog(Settings(models_dir=models_dir)).resolve("fake")
    return Rig(
        model,
        lambda m: fake(SETTINGS, m),
        '{"text": "tok ", "tokens": 2000, "delay": 0.001}',
        '{"prefill_steps": 100, "prefill_delay": 0.02}',
    )


def npu_rig(models_dir: Path, release: str) -> Rig:
    """The NPU engine on the simulated runtime of `release`, with prompts as tokens."""
    settings = npu_settings(models_dir, release)
    make = npu_engine(settings, RKLLM_SIM_PREFILL_US="500")
    return Rig(npu_model(models_dir, tokenizer=True), make, "[[tokens=2000 us=1000]]", "Say it again. " * 150)


@pytest.fixture(params=["fake", "llama", "rkllm-1.2.3", "rkllm-1.3.0"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    name, _, release = request.param.partition("-")
    if release:
        return npu_rig(tmp_path, release)
    return real_rig() if name == "llama" else fake_rig(tmp_path)


@pytest.fixture
def engine(rig: Rig) -> Iterator[WorkerEngine]:
    """A started engine of the rig; its child is gone afterwards."""
    made = rig.make(rig.model)
    made.start()
    yield made
    made.stop()


@pytest.fixture(params=build.RELEASES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, request.param)
    descriptors = len(os.listdir("/proc/self/fd"))
    yield made
    for engine in made.made:
        engine.stop()
    made.check_empty()
    del made.made[:]
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 1  # the log pump of the last child may still be closing
