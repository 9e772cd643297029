"""Build the command line and the environment of a child that is a module of this package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from services.core.settings import without_secrets

ROOT = Path(__file__).resolve().parents[3]
"""The folder of the `services` package, so that a worker finds it from any working directory."""


def worker_argv(module: str) -> list[str]:
    """Return the command line that runs `module`, which is named with its package."""
    return [sys.executable, "-m", module]


def worker_env() -> dict[str, str]:
    """Return the environment for a worker: this process's without its secrets."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    # Idle OpenMP threads spin by default; beside other processes on the same cores that makes decoding ten times
    # slower (measured: 1-4 tok/s against 12-48 on two busy cores).
    # The heap of glibc reserves 64 MB of addresses per thread otherwise, which a limit on them would count.
    defaults = {"OMP_WAIT_POLICY": "passive", "MALLOC_ARENA_MAX": "2"}
    return {**defaults, **without_secrets(os.environ), "PYTHONPATH": path}
