"""Pauses in the middle of long work."""

from __future__ import annotations

from services.core.pause import WORK, spaced_pauses


def test_pauses_are_as_far_apart_as_work_is_long() -> None:
    now, paused_at = 0.0, list[float]()
    pause = spaced_pauses(lambda: paused_at.append(now), lambda: now)
    for step in (0.0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.4):
        now = step * WORK
        pause()
    assert paused_at == [1.2 * WORK, 2.4 * WORK]
