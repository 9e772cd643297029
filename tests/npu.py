"""The NPU engine on the simulated runtime (tests/simulator), for tests and benchmarks."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from services.core.client import NOBODY
from services.core.events import Done, Event, Text
from services.core.model import Model
from services.core.settings import Settings
from services.engines.registry import SUFFIXES
from services.engines.rkllm.abi import Features, of_release
from services.engines.rkllm.spec import WORKER
from services.engines.rkllm.spec import options as rkllm_options
from services.engines.worker.limits import Limits
from services.engines.worker.parent import WorkerEngine
from services.engines.worker.process import worker_argv, worker_env
from services.models.catalog import Catalog
from tests.engines import alive, request
from tests.simulator import build
from tests.simulator.model import answer, chatml, write_model


def npu_settings(folder: Path, release: str, **changes: Any) -> Settings:
    """Settings for the simulated runtime of `release`, with a lock of their own."""
    values = {"models_dir": folder, "heartbeat_interval": 0.1, "npu_lock": folder / "npu.lock"}
    return Settings(**{**values, "runtime_library": build.library(release), **changes})


def features_of(release: str) -> Features:
    """What the library of `release` can do."""
    abi = of_release(release)
    assert abi, f"{release} is in no row of GROUPS"
    return abi.features


def npu_model(folder: Path, name: str = "sim", embeds: bool = False, **values: Any) -> Model:
    """A simulated model in the catalogue, `embeds` for one that makes embeddings; `values` are `write_model`'s."""
    write_model(folder / name, **values)
    if embeds:
        (folder / name / "model.yaml").write_text("capabilities: [embedding]\n")
    return Catalog(Settings(models_dir=folder), SUFFIXES).resolve(name)


def npu_engine(
    settings: Settings, options: dict[str, Any] | None = None, **env: str
) -> Callable[[Model], WorkerEngine]:
    """Makes engines as the factory does; `env` steers the simulation, `options` go to the worker besides."""

    def make(model: Model) -> WorkerEngine:
        argv = worker_argv(WORKER)
        chosen = rkllm_options(settings, model) | (options or {})
        return WorkerEngine(model, argv, worker_env() | env, chosen, Limits.of(settings))

    return make


def lock_is_free(path: Path) -> bool:
    if not path.exists():
        return True
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


class Bench:
    """Engines of one release; at the end none may have left a process or a lock."""

    def __init__(self, folder: Path, release: str) -> None:
        self.folder, self.release = folder, release
        self.made: list[WorkerEngine] = []

    def engine(self, options: dict[str, Any] | None = None, settings: dict[str, Any] | None = None,
               model: dict[str, Any] | None = None, **env: str) -> WorkerEngine:  # fmt: skip
        """A started engine; `model` are the keys of its file."""
        chosen = npu_settings(self.folder, self.release, **(settings or {}))
        engine = npu_engine(chosen, options, **env)(self.model(**(model or {})))
        self.made.append(engine)
        engine.start()
        return engine

    def model(self, **values: Any) -> Model:
        return npu_model(self.folder, **{"tokenizer": True, **values})

    def loaded(self, **changes: Any) -> WorkerEngine:
        engine = self.engine(**changes)
        list(engine.ready(NOBODY))
        return engine

    def check_empty(self) -> None:
        assert not [engine.pid for engine in self.made if alive(engine.pid)]
        assert lock_is_free(self.folder / "npu.lock")


def events_of(engine: WorkerEngine, text: str, **changes: Any) -> Iterator[Event]:
    return iter(engine.generate(request(engine.model, text, **{"max_tokens": 64, **changes}), NOBODY))


def ask(engine: WorkerEngine, text: str, **changes: Any) -> tuple[str, Done]:
    events = list(events_of(engine, text, **changes))
    assert isinstance(events[-1], Done)
    return "".join(event.text for event in events if isinstance(event, Text)), events[-1]


def expected(text: str, count: int = 0) -> str:
    return answer(chatml(({"role": "user", "content": text},)), count)
