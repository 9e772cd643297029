"""Copy what a callback of librkllmrt is shown: it is gone when the callback returns. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from services.engines.rkllm.abi import FINISH, NORMAL


@dataclass(frozen=True)
class Piece:
    """Carry what one callback brought."""

    state: int
    text: bytes | None
    """None where the library gave no text at all."""
    token: int
    perf: dict[str, float] = field(default_factory=dict)
    hidden: tuple[float, ...] = ()
    """The hidden state of the last token, in runs about it."""


def copy_piece(result: Any, state: int, hidden: bool = False) -> Piece:
    """Return a copy of what the pointer of a callback points to; `hidden`: the run is about the hidden state."""
    if not result:
        return Piece(state, None, -1)
    found = result.contents
    if hidden and state == NORMAL:
        return Piece(state, None, -1, hidden=last_row(found.last_hidden_layer))
    perf = {name: counter(getattr(found.perf, name)) for name, _ in found.perf._fields_} if state == FINISH else {}
    return Piece(state, found.text, found.token_id, perf)


def last_row(layer: Any) -> tuple[float, ...]:
    """Return the hidden state of the last token, ``embd_size`` floats; empty where there is none."""
    size, count = layer.embd_size, layer.num_tokens
    if not layer.hidden_states or size <= 0 or count <= 0:
        return ()
    return tuple(map(finite, layer.hidden_states[(count - 1) * size : count * size]))


def counter(value: float) -> float:
    """Return a count or a time; 0 for one that can be none, such as a negative one."""
    return max(0.0, finite(value))


def finite(value: float) -> float:
    """Return `value`, or 0 for NaN and infinity: JSON has no word for a counter that was never set."""
    return float(value) if math.isfinite(value) else 0.0
