"""Parameters that all dialects treat alike: those without effect, stop strings, seeds, the thinking switch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

Idle = Mapping[str, tuple[Any, ...]]
"""Names of parameters, each with the values that ask for nothing."""

LOW_PRIORITY_TIER = "flex"
"""OpenAI's ``service_tier`` for requests that may take longer."""

NO_THINKING = ("none", "minimal")
"""Values of a reasoning effort that switch thinking off; the others switch it on."""


def asking(request: Struct | None, idle: Idle, prefix: str = "") -> list[str]:
    """Return the names of the parameters in `idle` with which `request` asks for something, each behind `prefix`."""
    if request is None:
        return []
    return [prefix + name for name, values in idle.items() if getattr(request, name, None) not in values]


def stops(stop: str | list[str] | None) -> tuple[str, ...]:
    """Return the stop strings; empty ones would stop at once and are left out, as OpenAI does."""
    return tuple(filter(None, [stop] if isinstance(stop, str) else stop or ()))


def seed(value: int | None) -> int | None:
    """Return a seed as engines take it: modulo 2^32."""
    return None if value is None else value % 2**32


def thinks(effort: str | None) -> bool | None:
    """Return what a reasoning effort makes of the thinking switch; None leaves it to the model."""
    return None if effort is None else effort not in NO_THINKING
