"""Read and write the calls of Llama 3.1 and later.

They are JSON with ``parameters``, ``<function=name>{...}</function>``, or Python's syntax.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import json_calls, python_calls
from services.chat.tools.call import ParsedCall
from services.chat.tools.families.base import Family, json_string
from services.chat.tools.json_calls import FENCE
from services.chat.tools.reader import Reader, Reading, first_of
from services.chat.tools.values import ToolSchemas

TAG, FUNCTION, FUNCTION_END = "<|python_tag|>", "<function=", "</function>"


class Llama(Family):
    """Read calls in all of Llama's formats; write JSON."""

    name = "llama"
    template_signs = (TAG, '"parameters": dictionary of argument name and its value')
    markers = (TAG, FUNCTION)
    closers = ("<|eom_id|>", FUNCTION_END, ";", FENCE)

    def readings_after_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the readings of what follows ``<|python_tag|>``, and of a function's tag."""
        yield read_tagged(reader, tools)
        yield read_function(reader, tools)

    def readings_without_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the readings of JSON, and of Python's syntax."""
        yield from super().readings_without_marker(reader, tools)
        yield python_calls.read_calls(reader, tools)

    def format_call(self, name: str, arguments: str) -> str:
        """Return a call as JSON with ``parameters``."""
        return f'{{"name": {json_string(name)}, "parameters": {arguments}}}'


def read_tagged(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read what follows the tag: JSON, or ``name.call(...)``, the form for built-in tools."""
    yield from reader.require(TAG)
    yield from reader.blanks()
    return (
        yield from first_of(
            reader, (json_calls.read_calls(reader, tools), python_calls.read_calls(reader, tools, ".call"))
        )
    )


def read_function(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read the tag of a function, and its arguments as JSON."""
    yield from reader.require(FUNCTION)
    name = yield from reader.name(tools)
    yield from reader.require(">")
    return (yield from json_calls.read_arguments(reader, tools, name))
