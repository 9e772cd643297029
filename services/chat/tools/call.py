"""From the JSON a model wrote to the calls it means. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool that was offered."""

    name: str
    arguments: str
    """The text of a JSON object."""


class NoCall(Exception):
    """The JSON means something else."""


def calls_of(text: str, names: Collection[str], name: str = "") -> list[Call]:
    """The calls that `text` means, none if any part of it is no call of one of `names`.

    `name` is the tool's where it stands before `text`, which then is its arguments.
    """
    try:
        value = json.loads(text, strict=False, parse_constant=refuse)
        return [named(name, value, names)] if name else found(value, names)
    except (NoCall, ValueError, RecursionError):
        return []


def found(value: Any, names: Collection[str]) -> list[Call]:
    if isinstance(value, dict) and "tool_calls" in value:
        value = value["tool_calls"]
    return [call(item, names) for item in (value if isinstance(value, list) else [value])]


def call(value: Any, names: Collection[str]) -> Call:
    """One call, as models of all families write it, or as OpenAI's API does. Raises `NoCall`."""
    if not isinstance(value, dict):
        raise NoCall
    inner = value.get("function")
    if isinstance(inner, dict):
        value = inner
    name = value.get("name", inner)
    arguments = value.get("arguments", value.get("parameters", {}))
    if isinstance(arguments, str):
        arguments = json.loads(arguments, strict=False, parse_constant=refuse)
    return named(name, arguments, names)


def named(name: Any, arguments: Any, names: Collection[str]) -> Call:
    """Return the call of `name`. Raises `NoCall` where it is not among `names`, or `arguments` are no JSON object."""
    if not isinstance(name, str) or name not in names or not isinstance(arguments, dict):
        raise NoCall
    try:
        return Call(name, written(arguments))
    except (ValueError, TypeError, RecursionError):
        raise NoCall from None


def written(value: Any) -> str:
    """`value` as JSON that can be sent. Raises `ValueError` for infinite numbers."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if valid(text) else json.dumps(value, allow_nan=False)


def valid(text: str) -> bool:
    """Whether `text` has no halves of characters, which JSON can escape and UTF-8 cannot hold."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
