"""Read and write DeepSeek's calls: ``function``, name and fenced JSON (V3, R1), or only name and JSON (V3.1)."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import json_calls
from services.chat.tools.call import ParsedCall
from services.chat.tools.families.base import Family
from services.chat.tools.json_calls import FENCE
from services.chat.tools.reader import Reader, Reading, first_of
from services.chat.tools.values import ToolSchemas

CALLS, CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL, CALL_END, SEPARATOR = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"
KIND = "function"


class Deepseek(Family):
    """Read and write calls between DeepSeek's special tokens."""

    name = "deepseek"
    template_signs = (CALL,)
    markers = (CALLS, CALL)
    closers = (FENCE, CALL_END, CALLS_END)

    def readings_after_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the reading of a call in its tokens."""
        yield read_tagged(reader, tools)

    def readings_without_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the readings of a call whose tokens the engine left out, and of JSON."""
        yield read_body(reader, tools)
        yield from super().readings_without_marker(reader, tools)

    def format_call(self, name: str, arguments: str) -> str:
        """Return a call in the format of V3.1, which is the shorter one."""
        return f"{CALLS}{CALL}{name}{SEPARATOR}{arguments}{CALL_END}{CALLS_END}"


def read_tagged(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read one call of a list. The tokens that end a call or the list are left to `closers`."""
    if (yield from reader.literal(CALLS)):
        yield from reader.blanks()
    yield from reader.require(CALL)
    return (yield from read_body(reader, tools))


def read_body(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read a name and its arguments; the tokens between them may be missing."""
    # The name may itself begin with the word function, so the plain name is tried first.
    name = yield from first_of(reader, (reader.name(tools), read_name_after_kind(reader, tools)))
    yield from reader.literal(SEPARATOR)
    return (yield from json_calls.read_arguments(reader, tools, name))


def read_name_after_kind(reader: Reader, tools: ToolSchemas) -> Reading[str]:
    """Read and return a name that follows the word ``function``."""
    yield from reader.require(KIND)
    yield from reader.literal(SEPARATOR)
    return (yield from reader.name(tools))
