"""Read parameters that all dialects treat alike: those without effect, stop strings, seeds, the thinking switch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from services.core.sampling import Sampling, given

NeutralValues = Mapping[str, tuple[Any, ...]]
"""Names of parameters, each with the values that ask for nothing."""

LOW_PRIORITY_TIER = "flex"
"""OpenAI's ``service_tier`` for requests that may take longer."""

NO_THINKING = ("none", "minimal")
"""Values of a reasoning effort that switch thinking off; the others switch it on."""


def requested(request: Struct | None, neutral: NeutralValues, prefix: str = "") -> list[str]:
    """Return the names of the parameters in `neutral` that `request` gives another value, each behind `prefix`."""
    if request is None:
        return []
    return [prefix + name for name, values in neutral.items() if getattr(request, name, None) not in values]


def stops(stop: str | list[str] | None) -> tuple[str, ...]:
    """Return the stop strings without empty ones, which would stop at once; OpenAI leaves them out too."""
    return tuple(filter(None, [stop] if isinstance(stop, str) else stop or ()))


def sampling_of(request: Struct, no_seed: int | None = None) -> Sampling:
    """Return the sampling parameters of `request`, which may lack some; `no_seed` is the seed that asks for none."""
    values = given(request)
    seed = values.pop("seed", None)
    if seed is not None and seed != no_seed:
        values["seed"] = seed % 2**32  # as engines take seeds
    if not values.get("logit_bias"):
        values.pop("logit_bias", None)
    return Sampling(**values)


def thinks(effort: str | None) -> bool | None:
    """Return the thinking switch for a reasoning effort; None leaves it to the model."""
    return None if effort is None else effort not in NO_THINKING
