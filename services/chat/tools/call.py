"""Turn the JSON that a model wrote into calls of tools."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn


@dataclass(frozen=True, slots=True)
class ParsedCall:
    """A call that was read from text. Unlike `core.message.ToolCall` it has no id yet."""

    name: str
    arguments: str
    """The text of a JSON object."""


class NoCall(Exception):
    """The text is not a call of an available tool."""


def parse_calls(text: str, names: Collection[str], name: str = "") -> list[ParsedCall]:
    """Return the calls in the JSON `text`; empty if any part of it is not a call of one of `names`.

    With `name`, `text` is the arguments of a call of that tool.
    """
    try:
        value = json.loads(text, strict=False, parse_constant=refuse_constant)
        return [make_call(name, value, names)] if name else calls_from_json(value, names)
    except (NoCall, ValueError, RecursionError):
        return []


def calls_from_json(value: Any, names: Collection[str]) -> list[ParsedCall]:
    """Return the calls that a JSON value stands for: one, a list, or OpenAI's ``tool_calls``. Raises `NoCall`."""
    # A model may copy the shape of OpenAI's answers.
    if isinstance(value, dict) and "tool_calls" in value:
        value = value["tool_calls"]
    return [call_from_json(item, names) for item in (value if isinstance(value, list) else [value])]


def call_from_json(value: Any, names: Collection[str]) -> ParsedCall:
    """Return the call in a JSON object, as models of all families or OpenAI's API write it. Raises `NoCall`."""
    if not isinstance(value, dict):
        raise NoCall
    inner = value.get("function")
    if isinstance(inner, dict):
        value = inner
    name = value.get("name", inner)
    # Llama's word for the arguments is parameters.
    arguments = value.get("arguments", value.get("parameters", {}))
    # OpenAI's API has the arguments as a string, and a model may copy that.
    if isinstance(arguments, str):
        arguments = json.loads(arguments, strict=False, parse_constant=refuse_constant)
    return make_call(name, arguments, names)


def make_call(name: Any, arguments: Any, names: Collection[str]) -> ParsedCall:
    """Return the call of `name`. Raises `NoCall` if it is not one of `names`, or `arguments` is not a JSON object."""
    if not isinstance(name, str) or name not in names or not isinstance(arguments, dict):
        raise NoCall
    try:
        return ParsedCall(name, dump_json(arguments))
    except (ValueError, TypeError, RecursionError):
        raise NoCall from None


def dump_json(value: Any) -> str:
    """Return `value` as JSON text that UTF-8 can encode. Raises `ValueError` for infinite numbers."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if is_valid_unicode(text) else json.dumps(value, allow_nan=False)


def is_valid_unicode(text: str) -> bool:
    """Return whether `text` has no lone surrogates, which JSON can escape but UTF-8 cannot encode."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def refuse_constant(constant: str) -> NoReturn:
    """Raise `ValueError`: Python reads ``NaN`` and ``Infinity``, but they are not JSON."""
    raise ValueError(f"{constant} is no JSON")
