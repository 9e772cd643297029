"""The NPU engine on the simulated runtime (tests/simulator), for tests and benchmarks."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.core.catalog import Catalog
from services.core.model import Model
from services.core.settings import Settings
from services.engines.factory import limits, rkllm_options, worker_env
from services.engines.worker import WorkerEngine, worker_argv
from tests.simulator import build
from tests.simulator.model import write_model


def npu_settings(folder: Path, release: str, **changes: Any) -> Settings:
    """Settings for the simulated runtime of `release`, with a lock of their own."""
    values = {"models_dir": folder, "heartbeat_interval": 0.1, "npu_lock": folder / "npu.lock"}
    return Settings(**{**values, "runtime_library": build.library(release), **changes})


def npu_model(folder: Path, name: str = "sim", **values: Any) -> Model:
    """A simulated model in the catalogue; `values` are `write_model`'s."""
    write_model(folder / name, **values)
    return Catalog(Settings(models_dir=folder)).resolve(name)


def npu_engine(
    settings: Settings, options: dict[str, Any] | None = None, **env: str
) -> Callable[[Model], WorkerEngine]:
    """Makes engines as the factory does; `env` steers the simulation, `options` go to the worker besides."""

    def make(model: Model) -> WorkerEngine:
        argv = worker_argv("services.engines.workers.rkllm")
        chosen = rkllm_options(settings, model) | (options or {})
        return WorkerEngine(model, argv, worker_env() | env, chosen, limits(settings))

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
