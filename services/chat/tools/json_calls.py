"""Reads calls that are JSON, bare or in a fence. Pure."""

from __future__ import annotations

from services.chat.tools.call import Call, NoCall, calls_of
from services.chat.tools.source import Reading, Source
from services.chat.tools.values import Tools

FENCE = "```"

LANGUAGE = 16
"""Letters that the language of a fence has at most."""

KEYS = ("name", "arguments", "parameters", "function", "type", "id", "tool_calls")
"""With one of these a call's JSON begins."""


def calls(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read a call, or a list of calls, in a fence or without one."""
    yield from source.blanks()
    if (yield from source.literal(FENCE)):
        yield from language(source)
    yield from opening(source)
    return whole((yield from source.json()), tools)


def fenced(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read a call, or a list of calls, in a fence."""
    yield from source.require(FENCE)
    yield from language(source)
    yield from opening(source)
    return whole((yield from source.json()), tools)


def arguments(source: Source, tools: Tools, name: str) -> Reading[list[Call]]:
    """Read the arguments of a call of `name`, a JSON object, in a fence or without one."""
    yield from source.blanks()
    if (yield from source.literal(FENCE)):
        yield from language(source)
    if (yield from source.peek()) != "{":
        raise NoCall
    return whole((yield from source.json()), tools, name)


def language(source: Source) -> Reading[None]:
    """Read the language of a fence, and the blanks behind it."""
    yield from source.letters(LANGUAGE)
    yield from source.blanks()


def opening(source: Source) -> Reading[None]:
    """Look whether JSON opens here as that of a call does: an object, or a list of them, with a key that calls have.

    Reads nothing. Raises `NoCall`.
    """
    start = source.position
    if (yield from source.literal("[")):
        yield from source.blanks()
    yield from source.require("{")
    yield from source.blanks()
    yield from source.require('"')
    for key in KEYS:
        if (yield from source.literal(f'{key}"')):
            source.position = start
            return
    raise NoCall


def whole(text: str, tools: Tools, name: str = "") -> list[Call]:
    """Return the calls that `text` means. Raises `NoCall` where any part of it is none."""
    found = calls_of(text, tools, name)
    if not found:
        raise NoCall
    return found
