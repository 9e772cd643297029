"""What a running server holds: memory, open files, child processes."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.engines import children_of
from tests.live.conftest import Server


def resident(pid: int) -> int:
    """Return the resident memory of a process in MiB, or 0 if it has just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(status.partition("VmRSS:")[2].split()[0] or 0) // 1024


def memory(server: Server) -> tuple[int, int]:
    """Return the memory of the server and that of its engines, in MiB."""
    return resident(server.worker), sum(map(resident, children_of(server.worker)))


def files(server: Server) -> int:
    """Return how many files and sockets the server has open, once that has not changed for a second."""
    last, now = -1, 0
    while now != last:
        last, now = now, len(os.listdir(f"/proc/{server.worker}/fd"))
        time.sleep(1)
    return now
