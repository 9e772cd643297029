"""Read ``keep_alive``, the time a model stays loaded, in seconds or as Go writes durations."""

from __future__ import annotations

import math
import re

from services.core.errors import BadRequest

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}
"""Seconds of each unit of a duration; a number without a unit is in seconds."""

STEP = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|)", re.ASCII)
"""One number of a duration, and its unit."""


def keep_alive(value: float | str | None) -> float | None:
    """Return seconds: infinite for a negative value, None for None or an empty text. Raises `BadRequest`."""
    if isinstance(value, str):
        value = duration(value) if value.strip() else None
    # With Ollama a negative time means that the model stays loaded.
    return math.inf if value is not None and value < 0 else value


def duration(text: str) -> float:
    """Return the seconds of a duration such as ``5m``, ``1h30m``, ``-1``. Raises `BadRequest`."""
    seconds = seconds_of(text.strip())
    if seconds is None:
        raise BadRequest(
            f"keep_alive is {text[:50]!r}; it takes seconds or a duration such as '5m', '1h30m', '0', '-1'.",
            param="keep_alive",
        )
    return seconds


def seconds_of(text: str) -> float | None:
    """Return the seconds of a duration, None for a text that is none. Reads each character once."""
    unsigned = text[1:] if text.startswith(("-", "+")) else text
    if not unsigned:
        return None
    seconds, place = 0.0, 0
    while place < len(unsigned):
        step = STEP.match(unsigned, place)
        if step is None:
            return None
        seconds += float(step[1]) * UNITS[step[2]]
        place = step.end()
    return -seconds if text.startswith("-") else seconds
