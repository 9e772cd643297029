"""Let other requests run in the middle of long work."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE = 1e-5
"""Seconds of a pause: as short as a timer can be."""

WORK = 0.002
"""Seconds of work between two pauses."""


def give_way() -> None:
    """Let other requests run. Under gevent, a sleep of no length would let neither sockets nor timers be looked at."""
    time.sleep(PAUSE)


def spaced_pauses(
    pause: Callable[[], None] = give_way, clock: Callable[[], float] = time.perf_counter
) -> Callable[[], None]:
    """Return a `pause` for one piece of work; it does nothing until `WORK` seconds have passed since the last one.

    Work on many short texts calls it behind each, and on a busy machine a pause takes longer than a short text.
    """
    last = clock()

    def pause_in_time() -> None:
        nonlocal last
        if clock() - last >= WORK:
            pause()
            last = clock()

    return pause_in_time
