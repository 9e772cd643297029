"""Read which chip and how much memory this machine has, to find out which models fit it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path("/")


def soc(root: Path = ROOT) -> str:
    """Return ``rk3588`` or ``rk3576``, and an empty string on any other computer."""
    try:
        compatible = (root / "proc/device-tree/compatible").read_text()
    except OSError:
        return ""
    match = re.search(r"rockchip,(rk3588|rk3576)", compatible)
    return match[1] if match else ""


def memory_mb(root: Path = ROOT) -> int:
    """Return the machine's total memory in MiB; 0 where the kernel does not report it. Raises `OSError`."""
    match = re.search(r"^MemTotal:\s+(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE)
    return int(match[1]) // 1024 if match else 0
