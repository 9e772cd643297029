"""Read parameters that all dialects treat alike: those without effect, limits, sampling, stop strings, thinking."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from inspect import get_annotations
from typing import Any

from msgspec import Struct

from services.chat.schemas.checks import bounded_json
from services.core.errors import BadRequest
from services.core.sampling import ID_PATTERN, Biases, Sampling, given

NeutralValues = Mapping[str, tuple[Any, ...]]
"""Names of parameters, each with the values that ask for nothing."""

ALIASES: Mapping[str, str] = {"repetition_penalty": "repeat_penalty", "random_seed": "seed"}
"""Other servers' names of sampling parameters. A parameter's own name wins."""

UNLIMITED = 2**31 - 1
"""A limit that no context reaches."""

RESERVED = frozenset(
    {
        "messages", "tools", "add_generation_prompt", "continue_final_message", "bos_token", "eos_token", "unk_token",
        "pad_token", "raise_exception", "strftime_now", "namespace", "range", "dict",
    }
)  # fmt: skip
"""Template variables that are not the client's: what the request says elsewhere, the model's tokens, functions."""

LOW_PRIORITY_TIER = "flex"
"""OpenAI's ``service_tier`` for requests that may take longer."""

NO_THINKING = ("none", "minimal")
"""Values of a reasoning effort that switch thinking off; the others switch it on."""


def requested(request: Struct | None, neutral: NeutralValues, prefix: str = "") -> list[str]:
    """Return the names of the parameters in `neutral` that `request` gives another value, each behind `prefix`."""
    if request is None:
        return []
    return [prefix + name for name, values in neutral.items() if getattr(request, name, None) not in values]


def without_own(values: NeutralValues, kind: type[Struct], foreign: type[Struct]) -> NeutralValues:
    """Return `values` without the fields that a `kind` of requests defines itself, and not its base `foreign`."""
    own = own_fields(kind, foreign)
    return {name: neutral for name, neutral in values.items() if name not in own}


@cache
def own_fields(kind: type[Struct], foreign: type[Struct]) -> frozenset[str]:
    """Return the names of the fields that a `kind` of requests defines itself, and not its base `foreign`."""
    return frozenset(name for each in kind.__mro__[: kind.__mro__.index(foreign)] for name in get_annotations(each))


def logprobs_ignored(request: Struct) -> list[str]:
    """Return the name of ``top_logprobs`` where the switch that it needs is off."""
    lone = getattr(request, "top_logprobs", None) and not getattr(request, "logprobs", None)
    return ["top_logprobs"] if lone else []


def stops(stop: str | list[str] | None) -> tuple[str, ...]:
    """Return the stop strings without empty ones, which would stop at once; OpenAI leaves them out too."""
    return tuple(filter(None, [stop] if isinstance(stop, str) else stop or ()))


def token_limit(sent: int | None) -> int | None:
    """Return the most tokens of an answer; None for the model's default."""
    return UNLIMITED if sent == -1 else sent


def sampling_of(request: Struct, no_seed: int | None = None) -> Sampling:
    """Return the sampling parameters of `request`, which may lack some; `no_seed` is the seed that asks for none.

    Raises `BadRequest`.
    """
    values = aliased(request) | given(request)
    if values.get("seed") == no_seed:
        values.pop("seed", None)
    if values.get("top_k") == -1:
        values["top_k"] = 0
    values["logit_bias"] = token_biases(values.get("logit_bias"))
    return Sampling(**values)


def aliased(request: Struct) -> dict[str, Any]:
    """Return the sampling parameters that `request` has under another server's name, by their own names."""
    found = {name: getattr(request, alias, None) for alias, name in ALIASES.items()}
    return {name: value for name, value in found.items() if value is not None}


def token_biases(sent: Biases | None) -> Biases | None:
    """Return the biases, None for no bias. Raises `BadRequest` for a key that is no token's id."""
    for key in sent or ():
        if not re.fullmatch(ID_PATTERN, key):
            raise BadRequest(
                f"logit_bias has the key {key[:40]!r}; send ids of tokens, as /v1/tokenize gives them.",
                param="logit_bias",
            )
    return sent or None


def template_variables(sent: dict[str, Any] | None) -> dict[str, Any]:
    """Return variables for the chat template. Raises `BadRequest` for names that belong to the request itself."""
    for name in sorted(RESERVED.intersection(sent or ())):
        raise BadRequest(
            f"chat_template_kwargs has {name!r}, which the server sets from the request itself; leave it out.",
            param=f"chat_template_kwargs.{name}",
        )
    return dict(bounded_json(sent or {}, "chat_template_kwargs"))


def thinks(effort: str | None) -> bool | None:
    """Return the thinking switch for a reasoning effort; None leaves it to the model."""
    return None if effort is None else effort not in NO_THINKING
