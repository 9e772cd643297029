"""Read and write the calls of GLM-4.5 and later: a name and a pair of tags per argument, in ``<tool_call>``."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools.call import NoCall, ParsedCall, make_call
from services.chat.tools.families.base import NAME, Family, argument_texts
from services.chat.tools.json_calls import FENCE
from services.chat.tools.reader import Reader, Reading
from services.chat.tools.values import ToolSchemas, typed_value

OPEN, CLOSE = "<tool_call>", "</tool_call>"
KEY, KEY_END = "<arg_key>", "</arg_key>"
VALUE, VALUE_END = "<arg_value>", "</arg_value>"


class Glm(Family):
    """Read and write calls in GLM's tags."""

    name = "glm"
    template_signs = (KEY,)
    markers = (OPEN,)
    closers = (CLOSE, FENCE)

    def readings_after_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the reading of a call in its tags."""
        yield read_tagged(reader, tools)

    def readings_without_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the readings of a call whose outer tags the engine left out, and of JSON."""
        yield read_untagged(reader, tools)
        yield from super().readings_without_marker(reader, tools)

    def format_call(self, name: str, arguments: str) -> str:
        """Return a call in GLM's tags."""
        pairs = "".join(f"{KEY}{key}{KEY_END}\n{VALUE}{value}{VALUE_END}\n" for key, value in argument_texts(arguments))
        return f"{OPEN}{name}\n{pairs}{CLOSE}"

    def example_call(self) -> str:
        """Return an example with one argument, since the tags of an argument must be seen."""
        return self.format_call(NAME, '{"<argument>": "<value>"}')


def read_tagged(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read a call in its tags."""
    yield from reader.require(OPEN)
    yield from reader.blanks()
    call = yield from read_body(reader, tools)
    yield from reader.require(CLOSE)
    return [call]


def read_untagged(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read a call without its outer tags. It must have arguments: a name alone may be text."""
    call = yield from read_body(reader, tools)
    if call.arguments == "{}":
        raise NoCall
    return [call]


def read_body(reader: Reader, tools: ToolSchemas) -> Reading[ParsedCall]:
    """Read the name and the pairs of keys and values, and return the call."""
    name = yield from reader.name(tools)
    yield from reader.blanks()
    arguments = {}
    while (yield from reader.literal(KEY)):
        key = yield from reader.until(KEY_END)
        yield from reader.blanks()
        yield from reader.require(VALUE)
        text = yield from reader.value(VALUE_END, (KEY, CLOSE))
        arguments[key.strip()] = typed_value(text, tools[name], key.strip())
    return make_call(name, arguments, tools)
