"""Describe the sampling parameters of a request: their names, types and bounds, stated here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

Probability = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Temperature = Annotated[float, Meta(ge=0, le=2)]
Natural = Annotated[int, Meta(ge=0, le=2**31 - 1)]
ID_PATTERN = r"^[0-9]{1,7}$"
Biases = Annotated[
    dict[str, Annotated[float, Meta(ge=-100, le=100)]],
    Meta(max_length=1024, extra_json_schema={"propertyNames": {"pattern": ID_PATTERN}}),
]


SEEDS = 2**32 - 1
"""How many seeds there are: engines take 32 bits, and the last of these numbers means chance to llama.cpp."""


class Sampling(Struct, frozen=True, kw_only=True):
    """Sampling parameters; None means the model's default (its ``model.yaml``, else the engine's).

    Requests whose dialect has all of them inherit the fields. The bounds hold for decoded values; code that makes a
    `Sampling` is not checked.
    """

    temperature: Temperature | None = None
    top_p: Probability | None = None
    top_k: Natural | None = None
    min_p: Probability | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    repeat_penalty: Annotated[float, Meta(gt=0, le=10)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    """Engines take it modulo `SEEDS`."""
    logit_bias: Biases | None = None
    """Id of a token, as a text, to what is added to its logit."""


NEUTRAL: Mapping[str, tuple[float, ...]] = {
    "top_p": (1,),
    "top_k": (0,),
    "min_p": (0,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repeat_penalty": (1,),
}
"""Values with which a parameter changes nothing."""


def given(parameters: Struct) -> dict[str, Any]:
    """Return the sampling parameters that have a value in `parameters`, by name; it may lack some of the fields."""
    values = {name: getattr(parameters, name, None) for name in Sampling.__struct_fields__}
    return {name: value for name, value in values.items() if value is not None}


def for_engine(sampling: Sampling) -> dict[str, Any]:
    """Return the sampling parameters that have a value, by name, with a seed that engines repeat."""
    values = given(sampling)
    if sampling.seed is not None:
        values["seed"] = sampling.seed % SEEDS
    return values
