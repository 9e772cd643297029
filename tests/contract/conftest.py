"""One suite over every engine of `tests.rigs`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from services.core.client import NOBODY, Client
from services.core.events import Event
from services.core.model import Model
from services.core.request import EngineRequest
from services.engines.worker.parent import WorkerEngine
from tests.engines import request
from tests.npu import Bench
from tests.rigs import RIGS, Installation, Kind
from tests.simulator import build


@dataclass
class Rig:
    """An engine under test."""

    kind: Kind
    installation: Installation
    model: Model = field(init=False)
    shared: Any = None
    """The engine that `loaded` has made; None before its first use."""

    def __post_init__(self) -> None:
        self.model = self.installation.model()

    def make(self, model: Model) -> Any:
        """Return an engine, not started; one that a cancel ends comes back for the next run."""
        return self.installation.make(model) if self.kind.survives else Reloaded(self.installation, model)

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


class Reloaded:
    """What the slot does for an engine that dies with a cancelled run: another one for the next run."""

    def __init__(self, installation: Installation, model: Model) -> None:
        self._installation, self._model = installation, model
        self._engine = installation.make(model)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def generate(self, job: EngineRequest, client: Client) -> Iterator[Event]:
        if not self._engine.alive:
            self._engine = self._installation.make(self._model)
            self._engine.start()
            list(self._engine.ready(NOBODY))
        return self._engine.generate(job, client)


@pytest.fixture(params=RIGS, scope="module")
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    kind = RIGS[request.param]
    made = Rig(kind, kind.install(tmp_path_factory.mktemp("models")))
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
