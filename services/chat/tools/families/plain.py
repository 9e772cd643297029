"""Read and write calls of models that learn the format from the prompt: JSON, with or without a fence."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import json_calls
from services.chat.tools.call import ParsedCall
from services.chat.tools.families.base import Family, json_string
from services.chat.tools.json_calls import FENCE
from services.chat.tools.reader import Reader, Reading
from services.chat.tools.values import ToolSchemas


class Plain(Family):
    """Read and write calls as plain JSON."""

    name = "json"
    markers: tuple[str, ...] = (FENCE,)
    closers: tuple[str, ...] = (FENCE, ";")

    def readings_after_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the reading of JSON in a fence."""
        yield json_calls.read_fenced_calls(reader, tools)

    def format_call(self, name: str, arguments: str) -> str:
        """Return a call as JSON."""
        return f'{{"name": {json_string(name)}, "arguments": {arguments}}}'
