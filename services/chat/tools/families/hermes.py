"""Read and write the calls of Hermes, Qwen2.5 and Qwen3: JSON in ``<tool_call>``."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import json_calls
from services.chat.tools.call import ParsedCall
from services.chat.tools.families.base import Family, json_string
from services.chat.tools.json_calls import FENCE
from services.chat.tools.reader import Reader, Reading
from services.chat.tools.values import ToolSchemas

OPEN, CLOSE = "<tool_call>", "</tool_call>"


class Hermes(Family):
    """Read and write calls as JSON in a tag."""

    name = "hermes"
    template_signs = (OPEN,)
    markers = (OPEN,)
    closers = (CLOSE, FENCE)

    def readings_after_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the reading of JSON behind the tag."""
        yield read_tagged(reader, tools)

    def format_call(self, name: str, arguments: str) -> str:
        """Return a call as JSON in its tags."""
        return f'{OPEN}\n{{"name": {json_string(name)}, "arguments": {arguments}}}\n{CLOSE}'


def read_tagged(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read JSON behind its tag; the tag behind it is a closer, and may be missing."""
    yield from reader.require(OPEN)
    return (yield from json_calls.read_calls(reader, tools))
