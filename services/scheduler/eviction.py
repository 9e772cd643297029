"""Choose which loaded models to unload so that another one fits. A pure function: the pool carries the choice out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Cause = Literal["device", "count", "memory"]
"""Why a model is unloaded: the other one needs its device, one model too many would be loaded, or memory is missing."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A loaded model, as far as the choice depends on it."""

    model_id: str
    size: int
    """Bytes that its unload is expected to free."""
    device: str | None = None
    """The device that it occupies alone; None where models can be loaded side by side."""


@dataclass(frozen=True, slots=True)
class Eviction:
    """One model to unload."""

    model_id: str
    cause: Cause


def plan_evictions(loaded: Sequence[Candidate], device: str | None, max_models: int, missing: int) -> list[Eviction]:
    """Return which of the `loaded` models to unload for another one, in this order, and why.

    `loaded` begins with the least recently used model, which goes first. `device` is the one that the other model
    occupies alone, or empty. At most `max_models` may be loaded, the other one included; 0 sets no limit. `missing`
    is how many bytes the other model lacks; 0 or less where it fits. A model that does not fit an empty pool either
    gets all of it: whether it can be loaded then is for the engine to say.
    """
    plan: list[Eviction] = []
    kept: list[Candidate] = []
    for candidate in loaded:
        # Its device must be free in any case, and the memory that it frees may spare the other models.
        if device and candidate.device == device:
            plan.append(Eviction(candidate.model_id, "device"))
            missing -= candidate.size
        else:
            kept.append(candidate)
    for evicted, candidate in enumerate(kept):
        # The model that is to be loaded takes one of the places.
        too_many = 0 < max_models <= len(kept) - evicted
        if not too_many and missing <= 0:
            break
        plan.append(Eviction(candidate.model_id, "count" if too_many else "memory"))
        missing -= candidate.size
    return plan
