"""What all tests share."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from services.engines.worker.child import Child

KILL = Child.kill
MEASURED = "COVERAGE_PROCESS_CONFIG" in os.environ
SAVE_TIMEOUT = 2.0
"""Seconds that a worker has to write its coverage figures."""


@pytest.fixture(scope="session", autouse=True)
def measured_workers() -> Iterator[None]:
    """Where coverage is measured, let workers write their figures before they are killed: SIGKILL would lose them."""
    with pytest.MonkeyPatch.context() as patch:
        if MEASURED:
            patch.setattr(Child, "kill", end_then_kill)
        yield


def end_then_kill(child: Child) -> None:
    """End a child by SIGTERM, at which coverage writes its figures; then kill it, as without coverage. Blocks."""
    deadline = time.monotonic() + SAVE_TIMEOUT
    if child.alive:
        os.kill(child.pid, signal.SIGTERM)
    while child.alive and time.monotonic() < deadline:
        time.sleep(0.01)
    KILL(child)
