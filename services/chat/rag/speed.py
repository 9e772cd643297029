"""Remember the prefill speed of each model, from the measurements of its engine."""

from __future__ import annotations

from services.core.events import Done
from services.core.model import Model

MIN_TOKENS = 64
"""Prefilled tokens below which a measurement is skipped: it would mostly measure the start of the run."""

NEWEST_WEIGHT = 0.3
"""Weight of the newest measurement in the moving average, 0 to 1. A board that gets hot becomes slower within a few
answers."""


class PrefillSpeeds:
    """Record prefill speeds in tokens per second, for each model. No method blocks."""

    def __init__(self) -> None:
        self._speeds: dict[str, float] = {}

    def speed_of(self, model: Model) -> float | None:
        """Return the model's speed in tokens per second; None before the first measurement."""
        return self._speeds.get(model.id)

    def record(self, model: Model, done: Done) -> None:
        """Record the speed that the end of an answer reports. Cached tokens do not count: nobody prefilled them."""
        seconds = done.timings.get("prefill", 0.0)
        read = done.usage.prompt_tokens - done.usage.cached_tokens
        if seconds <= 0 or read < MIN_TOKENS:
            return
        speed = read / seconds
        before = self._speeds.get(model.id, speed)
        self._speeds[model.id] = before + NEWEST_WEIGHT * (speed - before)
