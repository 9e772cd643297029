"""What the machine is, as far as choosing a model needs it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path("/")


def soc(root: Path = ROOT) -> str:
    """``rk3588``, ``rk3576``, or nothing on any other computer."""
    try:
        found = (root / "proc/device-tree/compatible").read_text()
    except OSError:
        return ""
    match = re.search(r"rockchip,(rk3588|rk3576)", found)
    return match[1] if match else ""


def memory_mb(root: Path = ROOT) -> int:
    """All memory of the machine."""
    match = re.search(r"^MemTotal:\s+(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE)
    return int(match[1]) // 1024 if match else 0
