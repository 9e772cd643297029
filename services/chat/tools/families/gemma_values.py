"""Reads the arguments that FunctionGemma and Gemma 4 write: ``{city:<escape>Paris<escape>,days:3}``. Pure."""

from __future__ import annotations

from typing import Any

from services.chat.tools.call import Call, NoCall, named
from services.chat.tools.source import Reading, Source
from services.chat.tools.values import Tools, parsed, typed

QUOTES = ("<escape>", '<|"|>')
"""What stands on both sides of a string: FunctionGemma, Gemma 4."""

DEEPEST = 32
"""Levels of objects and lists."""

ENDS = (",", "}", "]", "{", "[")
"""What ends a value without quotes; after the last two it is no call."""


class Bare(str):
    """A value without quotes that is no JSON."""


def call(source: Source, tools: Tools, name: str) -> Reading[Call]:
    """Read the arguments of `name`."""
    found = yield from mapping(source, DEEPEST)
    values = {key: typed(value, tools[name], key) if isinstance(value, Bare) else value for key, value in found.items()}
    return named(name, values, tools)


def mapping(source: Source, depth: int) -> Reading[dict[str, Any]]:
    """Read an object."""
    yield from source.require("{")
    found: dict[str, Any] = {}
    yield from source.blanks()
    if (yield from source.literal("}")):
        return found
    while True:
        yield from source.blanks()
        quote = yield from quotation(source)
        key = yield from source.until(f"{quote}:")
        found[key] = yield from value(source, depth)
        if (yield from source.literal("}")):
            return found
        yield from source.require(",")


def sequence(source: Source, depth: int) -> Reading[list[Any]]:
    """Read a list."""
    yield from source.require("[")
    found: list[Any] = []
    yield from source.blanks()
    if (yield from source.literal("]")):
        return found
    while True:
        found.append((yield from value(source, depth)))
        if (yield from source.literal("]")):
            return found
        yield from source.require(",")


def value(source: Source, depth: int) -> Reading[Any]:
    """Read a value, and the blanks around it. Raises `NoCall`, also for more levels than `DEEPEST`."""
    found: Any
    yield from source.blanks()
    if not depth:
        raise NoCall
    if quote := (yield from quotation(source)):
        found = yield from source.value(quote, (",", "}", "]"))
    elif (char := (yield from source.peek())) == "{":
        found = yield from mapping(source, depth - 1)
    elif char == "[":
        found = yield from sequence(source, depth - 1)
    else:
        found = yield from word(source)
    yield from source.blanks()
    return found


def quotation(source: Source) -> Reading[str]:
    """Read one of `QUOTES`; return an empty text where none stands."""
    for quote in QUOTES:
        if (yield from source.literal(quote)):
            return quote
    return ""


def word(source: Source) -> Reading[Any]:
    """Read a value without quotes."""
    start = source.position
    while (yield from source.peek()) not in ENDS:
        yield from source.take()
    text = source.text[start : source.position].strip()
    found = parsed(text)
    return Bare(text) if found == text else found
