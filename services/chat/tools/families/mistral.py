"""Mistral: ``[TOOL_CALLS][{...}]``, and in later models ``[TOOL_CALLS]name[CALL_ID]id[ARGS]{...}``."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import json_calls
from services.chat.tools.call import Call
from services.chat.tools.families.base import Family, quoted
from services.chat.tools.json_calls import FENCE
from services.chat.tools.source import Reading, Source, first_of
from services.chat.tools.values import Tools

MARKER, CALL_ID, ARGS = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"

LONGEST_ID = 64
"""Characters of a call's id."""


class Mistral(Family):
    name = "mistral"
    signs = (MARKER,)
    markers = (MARKER,)
    closers = ("[/TOOL_CALLS]", ";", FENCE)

    def marked(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield tagged(source, tools)

    def bare(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield from super().bare(source, tools)
        yield called(source, tools)

    def written(self, name: str, arguments: str) -> str:
        return f'{MARKER}[{{"name": {quoted(name)}, "arguments": {arguments}}}]'


def tagged(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read what follows the marker, in the older or the newer form."""
    yield from source.require(MARKER)
    yield from source.blanks()
    return (yield from first_of(source, (json_calls.calls(source, tools), called(source, tools))))


def called(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read a name, an id that may be missing, and the arguments."""
    name = yield from source.name(tools)
    yield from source.blanks()
    if (yield from source.literal(CALL_ID)):
        yield from call_id(source)
    yield from source.literal(ARGS)
    return (yield from json_calls.arguments(source, tools, name))


def call_id(source: Source) -> Reading[None]:
    """Read the id of a call, which has no meaning here."""
    end = source.position + LONGEST_ID
    while (yield from source.peek()).isalnum() and source.position < end:
        source.position += 1
    yield from source.blanks()
