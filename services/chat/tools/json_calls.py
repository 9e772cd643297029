"""Read calls that are JSON, with or without a fence around them."""

from __future__ import annotations

from services.chat.tools.call import NoCall, ParsedCall, parse_calls
from services.chat.tools.reader import Reader, Reading
from services.chat.tools.values import ToolSchemas

FENCE = "```"

MAX_LANGUAGE_LETTERS = 16
"""Letters of the language behind a fence; a longer word is text."""

CALL_KEYS = ("name", "arguments", "parameters", "function", "type", "id", "tool_calls")
"""The JSON of a call begins with one of these keys. Other JSON is sent to the client at its first key."""


def read_calls(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read a call or a list of calls, with or without a fence. Raises `NoCall`."""
    yield from reader.blanks()
    if (yield from reader.literal(FENCE)):
        yield from read_language(reader)
    yield from check_opening(reader)
    return require_calls((yield from reader.json()), tools)


def read_fenced_calls(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read a call or a list of calls inside a fence. Raises `NoCall`."""
    yield from reader.require(FENCE)
    yield from read_language(reader)
    yield from check_opening(reader)
    return require_calls((yield from reader.json()), tools)


def read_arguments(reader: Reader, tools: ToolSchemas, name: str) -> Reading[list[ParsedCall]]:
    """Read the arguments of a call of `name`, a JSON object, with or without a fence. Raises `NoCall`."""
    yield from reader.blanks()
    if (yield from reader.literal(FENCE)):
        yield from read_language(reader)
    if (yield from reader.peek()) != "{":
        raise NoCall
    return require_calls((yield from reader.json()), tools, name)


def read_language(reader: Reader) -> Reading[None]:
    """Read the language of a fence, and the blanks behind it."""
    yield from reader.letters(MAX_LANGUAGE_LETTERS)
    yield from reader.blanks()


def check_opening(reader: Reader) -> Reading[None]:
    """Check that the JSON of a call begins here: an object, or a list of objects, with one of `CALL_KEYS`.

    Consumes nothing. Raises `NoCall`.
    """
    start = reader.position
    if (yield from reader.literal("[")):
        yield from reader.blanks()
    yield from reader.require("{")
    yield from reader.blanks()
    yield from reader.require('"')
    for key in CALL_KEYS:
        if (yield from reader.literal(f'{key}"')):
            reader.position = start
            return
    raise NoCall


def require_calls(text: str, tools: ToolSchemas, name: str = "") -> list[ParsedCall]:
    """Return the calls in the JSON `text`. Raises `NoCall` if any part of it is not a call."""
    calls = parse_calls(text, tools, name)
    if not calls:
        raise NoCall
    return calls
