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
    shared: Any = None
    """The engine that `loaded` has made; None before its first use."""

    def request(self, text: str, **changes: Any) -> EngineRequest:
        return request(self.model, text, **changes)

    def loaded(self) -> Any:
        """Return the loaded engine that tests share; a new one if a test ended the last one. Blocks while it loads."""
        if self.shared is None or not self.shared.alive:
            self.shared = self.make(self.model)
            self.shared.start()
            list(self.shared.ready(NOBODY))
        return self.shared

    def end(self) -> None:
        """Stop the shared engine, if there is one."""
        if self.shared is not None:
            self.shared.stop()
            self.shared = None


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
    return Rig(npu_model(models_dir, tokenizer=True), make, "[[tokens=2000 us=1000]]", "Say it again. " * 60)


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


RIGS = ["fake", "llama", "rkllm-1.2.3", "rkllm-1.3.0", "rkllm_cli-1.2.3", "rkllm_cli-1.3.0"]


@pytest.fixture(params=RIGS, scope="module")
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("models")
    rigs: dict[str, Callable[..., Rig]] = {
        "fake": lambda: fake_rig(folder),
        "llama": real_rig,
        "rkllm": lambda release: npu_rig(folder, release),
        "rkllm_cli": lambda release: cli_rig(folder, release),
    }
    engine, *release = request.param.split("-")
    made = rigs[engine](*release)
    yield made
    made.end()


@pytest.fixture
def engine(rig: Rig) -> Iterator[WorkerEngine]:
    """Yield a started engine for one test; its child process is gone afterwards."""
    rig.end()  # only one engine can use an accelerator
    made = rig.make(rig.model)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def loaded(rig: Rig) -> WorkerEngine:
    """Return a loaded engine that the tests share, so an answer that depends on earlier requests fails a test."""
    engine: WorkerEngine = rig.loaded()
    return engine


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
