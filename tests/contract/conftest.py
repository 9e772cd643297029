"""One suite over every engine: each fixture value is a way to make one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.core.client import NOBODY, Client
from services.core.events import Event
from services.core.model import Model
from services.core.request import EngineRequest
from services.core.settings import Settings
from services.engines.base import Engine
from services.engines.registry import SUFFIXES, spec_of
from services.engines.worker.parent import WorkerEngine
from services.models.catalog import Catalog
from tests.engines import REAL_MODEL, REAL_MODELS, fake, request, write_cli_model, write_fake_model
from tests.npu import Bench, npu_engine, npu_model, npu_settings
from tests.simulator import build
from tests.simulator.cli import program

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
    survives: bool = True
    """Whether the engine lives on after a cancel, a stop string and a request's own token limit."""

    def request(self, text: str, **changes: Any) -> EngineRequest:
        return request(self.model, text, **changes)


def real_rig() -> Rig:
    model = Catalog(Settings(models_dir=REAL_MODELS), SUFFIXES).resolve(REAL_MODEL)
    return Rig(model, lambda m: spec_of(m).make(SETTINGS, m), "Tell a long story about a fox.", "Say it again. " * 300)


def fake_rig(models_dir: Path) -> Rig:
    write_fake_model(models_dir, "fake")
    model = Catalog(Settings(models_dir=models_dir), SUFFIXES).resolve("fake")
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


def cli_rig(models_dir: Path, release: str) -> Rig:
    model = write_cli_model(models_dir, "cli")
    settings = msgspec.structs.replace(SETTINGS, binary=str(program(release)), npu_lock=models_dir / "npu.lock")
    long_prompt = "[[fault=pause at=-1 ms=20000]]"
    return Rig(model, lambda m: Reloaded(settings, m), "[[tokens=2000 us=1000]]", long_prompt, survives=False)


class Reloaded:
    """What the slot does for an engine that dies with a cancelled run: another one for the next run."""

    def __init__(self, settings: Settings, model: Model) -> None:
        self._settings, self._model = settings, model
        self._engine = self._make()

    def _make(self) -> Engine:
        return spec_of(self._model).make(self._settings, self._model)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def generate(self, job: EngineRequest, client: Client) -> Iterator[Event]:
        if not self._engine.alive:
            self._engine = self._make()
            self._engine.start()
            list(self._engine.ready(NOBODY))
        return self._engine.generate(job, client)


@pytest.fixture(params=["fake", "llama", "rkllm-1.2.3", "rkllm-1.3.0", "rkllm_cli-1.2.3", "rkllm_cli-1.3.0"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    rigs: dict[str, Callable[..., Rig]] = {
        "fake": lambda: fake_rig(tmp_path),
        "llama": real_rig,
        "rkllm": lambda release: npu_rig(tmp_path, release),
        "rkllm_cli": lambda release: cli_rig(tmp_path, release),
    }
    engine, *release = request.param.split("-")
    return rigs[engine](*release)


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
    assert len(os.listdir("/proc/self/fd")) <= descriptors
