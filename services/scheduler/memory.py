"""Estimate how much memory models need, and measure how much is missing for one more."""

from __future__ import annotations

import re
from collections.abc import Iterable

from services.core.model import Model
from services.core.settings import Settings
from services.engines.base import Engine
from services.engines.registry import spec_of

MIB = 2**20

PROCESS = 40 * MIB
"""Bytes that an engine's process needs besides its model, measured with the smallest one (MiniLM: 63 MiB loaded)."""

RESERVE = 512 * MIB
"""Bytes that stay free for the other programs of the machine where no budget is set. A small model leaves as much free
as it needs itself, but at least a quarter of this: with the full reserve it would often drive out a large model."""


class Memory:
    """A budget in bytes for all models together, or else what the machine has left.

    Only the owner of the slot may use it. It reads small files of the kernel and does not wait.
    """

    def __init__(self, settings: Settings) -> None:
        """Take the budget from the settings; without one, the kernel's `MemAvailable` decides."""
        self._budget, self._procfs = settings.memory_budget * MIB, settings.procfs_dir
        self._known: dict[str, int] = {}

    def needed(self, model: Model) -> int:
        """Return the bytes that `model` needs: what it took when it was last loaded, else a low estimate."""
        return self._known.get(model.id) or estimate_bytes(model)

    def learn(self, engine: Engine) -> None:
        """Remember for `needed` how much the loaded model takes now."""
        self._known[engine.model.id] = self.taken(engine)

    def taken(self, engine: Engine) -> int:
        """Return the bytes that a loaded model takes.

        Never less than the estimate: memory that a driver allocated for the process is not among its own pages.
        """
        resident = self._read_bytes(f"{engine.pid}/status", "VmRSS") or 0
        return max(resident, estimate_bytes(engine.model))

    def missing(self, engines: Iterable[Engine], more: int) -> int:
        """Return how many bytes are missing for `more` bytes beside the loaded `engines`; 0 or less if they fit.

        They always fit on a machine that does not say how much memory is available.
        """
        # A budget is for our models alone, whatever the other programs of the machine take.
        if self._budget:
            return sum(map(self.taken, engines)) + more - self._budget
        available = self._read_bytes("meminfo", "MemAvailable")
        if available is None:
            return 0
        return more + min(RESERVE, max(more, RESERVE // 4)) - available

    def _read_bytes(self, file: str, key: str) -> int | None:
        """Return a value of the kernel in bytes; None where it is not there."""
        try:
            found = re.search(rf"^{key}:\s+(\d+) kB", (self._procfs / file).read_text(), re.MULTILINE)
        except OSError:
            return None
        return int(found[1]) * 1024 if found else None


def estimate_bytes(model: Model) -> int:
    """Return a low estimate of the bytes that `model` needs, from its file size and its context length."""
    return spec_of(model).memory(model) + PROCESS
