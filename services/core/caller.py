"""Define who sends a request: name, rights, priority and limit, as the API key says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """What is known of a request's API key, without the key itself; the defaults are those of a request without one."""

    name: str = ""
    """The key's name, for the log; empty for a request without one."""
    admin: bool = False
    """Whether it may load, unload, fetch and delete models."""
    low_priority: bool = False
    """Whether its requests run after interactive ones."""
    max_waiting: int = 0
    """How many requests of this name may wait at once; 0: as many as the queue has room for."""


ANYBODY = Caller()
"""The caller of a request without a key."""
