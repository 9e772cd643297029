"""Let other requests run in the middle of long work."""

from __future__ import annotations

import time

PAUSE = 1e-5
"""Seconds of a pause: as short as a timer can be."""


def give_way() -> None:
    """Let other requests run. Under gevent, a sleep of no length would let neither sockets nor timers be looked at."""
    time.sleep(PAUSE)
