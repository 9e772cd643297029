"""Text of requests, made safe for engines; every dialect's."""

from __future__ import annotations

from services.core.errors import BadRequest


def clean(value: str, where: str) -> str:
    """Text an engine can take. NUL ends a C string: what follows it would be lost without a word."""
    if "\0" in value:
        raise BadRequest(f"{where} contains a NUL character; remove it.", param=where)
    return value
