"""Read and write Mistral's calls: ``[TOOL_CALLS][{...}]``, later ``[TOOL_CALLS]name[CALL_ID]id[ARGS]{...}``."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import json_calls
from services.chat.tools.call import ParsedCall
from services.chat.tools.families.base import Family, json_string
from services.chat.tools.json_calls import FENCE
from services.chat.tools.reader import Reader, Reading, first_of
from services.chat.tools.values import ToolSchemas

MARKER, CALL_ID, ARGS = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"

MAX_ID_LENGTH = 64
"""Characters of a call's id that are read; Mistral's own ids have 9."""


class Mistral(Family):
    """Read calls in Mistral's old and new format; write the old one."""

    name = "mistral"
    template_signs = (MARKER,)
    markers = (MARKER,)
    closers = ("[/TOOL_CALLS]", ";", FENCE)

    def readings_after_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the reading of what follows the marker."""
        yield read_tagged(reader, tools)

    def readings_without_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the readings of JSON, and of the new format without its marker."""
        yield from super().readings_without_marker(reader, tools)
        yield read_named_call(reader, tools)

    def format_call(self, name: str, arguments: str) -> str:
        """Return a call in the old format."""
        return f'{MARKER}[{{"name": {json_string(name)}, "arguments": {arguments}}}]'


def read_tagged(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read what follows the marker, in the old or the new format."""
    yield from reader.require(MARKER)
    yield from reader.blanks()
    return (yield from first_of(reader, (json_calls.read_calls(reader, tools), read_named_call(reader, tools))))


def read_named_call(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read a name, an id that may be missing, and the arguments."""
    name = yield from reader.name(tools)
    yield from reader.blanks()
    if (yield from reader.literal(CALL_ID)):
        yield from read_call_id(reader)
    # Engines may leave out this special token.
    yield from reader.literal(ARGS)
    return (yield from json_calls.read_arguments(reader, tools, name))


def read_call_id(reader: Reader) -> Reading[None]:
    """Read the id of a call. It is dropped, because the server gives each call an id of its own."""
    end = reader.position + MAX_ID_LENGTH
    while (yield from reader.peek()).isalnum() and reader.position < end:
        reader.position += 1
    yield from reader.blanks()
