"""Read the arguments that FunctionGemma and Gemma 4 write: ``{city:<escape>Paris<escape>,days:3}``."""

from __future__ import annotations

from typing import Any

from services.chat.tools.call import NoCall, ParsedCall, make_call
from services.chat.tools.reader import Reader, Reading
from services.chat.tools.values import ToolSchemas, json_or_text, typed_value

QUOTES = ("<escape>", '<|"|>')
"""The token on both sides of a string, of FunctionGemma and of Gemma 4."""

MAX_DEPTH = 32
"""Levels of nested objects and lists: enough for arguments in use, and far below Python's recursion limit."""

VALUE_ENDS = (",", "}", "]", "{", "[")
"""Characters that end a value without quotes. Behind the last two, no call can follow."""


class UnquotedText(str):
    """A value without quotes that is not JSON. Its type comes from the tool's schema."""


def read_call(reader: Reader, tools: ToolSchemas, name: str) -> Reading[ParsedCall]:
    """Read the arguments of a call of `name`, and return the call."""
    arguments = yield from read_object(reader, MAX_DEPTH)
    for key, value in arguments.items():
        # Text without quotes may be meant as a string or as a number; only the schema knows.
        if isinstance(value, UnquotedText):
            arguments[key] = typed_value(value, tools[name], key)
    return make_call(name, arguments, tools)


def read_object(reader: Reader, depth: int) -> Reading[dict[str, Any]]:
    """Read and return an object."""
    yield from reader.require("{")
    entries: dict[str, Any] = {}
    yield from reader.blanks()
    if (yield from reader.literal("}")):
        return entries
    while True:
        yield from reader.blanks()
        quote = yield from read_quote(reader)
        key = yield from reader.until(f"{quote}:")
        entries[key] = yield from read_value(reader, depth)
        if (yield from reader.literal("}")):
            return entries
        yield from reader.require(",")


def read_list(reader: Reader, depth: int) -> Reading[list[Any]]:
    """Read and return a list."""
    yield from reader.require("[")
    items: list[Any] = []
    yield from reader.blanks()
    if (yield from reader.literal("]")):
        return items
    while True:
        items.append((yield from read_value(reader, depth)))
        if (yield from reader.literal("]")):
            return items
        yield from reader.require(",")


def read_value(reader: Reader, depth: int) -> Reading[Any]:
    """Read a value and the blanks around it, and return it. Raises `NoCall`, also at the depth 0."""
    value: Any
    yield from reader.blanks()
    if not depth:
        raise NoCall
    if quote := (yield from read_quote(reader)):
        value = yield from reader.value(quote, (",", "}", "]"))
    elif (char := (yield from reader.peek())) == "{":
        value = yield from read_object(reader, depth - 1)
    elif char == "[":
        value = yield from read_list(reader, depth - 1)
    else:
        value = yield from read_word(reader)
    yield from reader.blanks()
    return value


def read_quote(reader: Reader) -> Reading[str]:
    """Read and return one of `QUOTES`; return an empty text if there is none."""
    for quote in QUOTES:
        if (yield from reader.literal(quote)):
            return quote
    return ""


def read_word(reader: Reader) -> Reading[Any]:
    """Read and return a value without quotes."""
    start = reader.position
    while (yield from reader.peek()) not in VALUE_ENDS:
        yield from reader.take()
    text = reader.text[start : reader.position].strip()
    value = json_or_text(text)
    return UnquotedText(text) if value == text else value
