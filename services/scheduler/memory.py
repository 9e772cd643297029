"""What models take, and whether there is room for one more."""

from __future__ import annotations

import re
from collections.abc import Iterable

from services.core.model import Model
from services.core.settings import Settings
from services.engines.base import Engine
from services.engines.rkllm.board import memory_needed

MIB = 2**20

PROCESS = 40 * MIB
"""Bytes an engine's process takes besides its model, measured with the smallest one (MiniLM: 63 MiB after its load)."""

RESERVE = 512 * MIB
"""Bytes left to the other programs of the machine where no budget is set: this much beside a large model, as much as
the model itself beside a small one, so that it seldom drives out a large one, and never less than a quarter."""


class Memory:
    """A budget in bytes for all models together, or what the machine has left. Reads files of the kernel; no waits."""

    def __init__(self, settings: Settings) -> None:
        """With a budget of 0 the kernel's `MemAvailable` decides."""
        self._budget, self._procfs = settings.memory_budget * MIB, settings.procfs_dir
        self._known: dict[str, int] = {}

    def needed(self, model: Model) -> int:
        """Bytes: what it took when it was last in, else an estimate on the low side."""
        return self._known.get(model.id) or estimate(model)

    def learn(self, engine: Engine) -> None:
        """Note what a model takes that is in."""
        self._known[engine.model.id] = self._taken(engine)

    def short(self, engines: Iterable[Engine], more: int) -> bool:
        """Whether there is no room for `more` bytes beside the loaded `engines`."""
        if self._budget:
            return sum(map(self._taken, engines)) + more > self._budget
        available = self._kib("meminfo", "MemAvailable")
        reserve = min(RESERVE, max(more, RESERVE // 4))
        return available is not None and available < more + reserve

    def _taken(self, engine: Engine) -> int:
        """Bytes. What a driver took for a process is not among its own pages: the estimate is the least."""
        resident = self._kib(f"{engine.pid}/status", "VmRSS") or 0
        return max(resident, estimate(engine.model))

    def _kib(self, file: str, key: str) -> int | None:
        """A figure of the kernel in bytes; None where it does not tell."""
        try:
            found = re.search(rf"^{key}:\s+(\d+) kB", (self._procfs / file).read_text(), re.MULTILINE)
        except OSError:
            return None
        return int(found[1]) * 1024 if found else None


def estimate(model: Model) -> int:
    return int(memory_needed(model.size_bytes, model.context_length)) + PROCESS
