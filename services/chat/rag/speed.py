"""How fast each model reads, from what its engine measured; nothing until it has."""

from __future__ import annotations

from services.core.events import Done
from services.core.model import Model

ENOUGH = 64
"""Tokens read from which on a measurement says something; fewer mostly measure the start."""

WEIGHT = 0.3
"""Of the newest measurement: a board that grows hot reads slower within a few answers."""


class PrefillSpeeds:
    """Tokens a second by model."""

    def __init__(self) -> None:
        self._speeds: dict[str, float] = {}

    def of(self, model: Model) -> float | None:
        return self._speeds.get(model.id)

    def note(self, model: Model, done: Done) -> None:
        """Remember what the end of an answer tells."""
        seconds = done.timings.get("prefill", 0.0)
        read = done.usage.prompt_tokens - done.usage.cached_tokens
        if seconds <= 0 or read < ENOUGH:
            return
        speed = read / seconds
        before = self._speeds.get(model.id, speed)
        self._speeds[model.id] = before + WEIGHT * (speed - before)
