"""Whom a request comes from, as far as its turn and its rights go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """The key a request came with, without the key; where none is needed, nobody in particular."""

    name: str = ""
    """The key's name, for the log; empty for a request without one."""
    admin: bool = False
    background: bool = False
    """Waits behind all who do not."""
    max_waiting: int = 0
    """Requests of this name that may wait at once; 0 for as many as the queue takes."""


ANYBODY = Caller()
