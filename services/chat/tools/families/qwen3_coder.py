"""Read and write Qwen3-Coder's calls: XML, with one tag for the function and one for each parameter."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools.call import ParsedCall, make_call
from services.chat.tools.families.base import NAME, Family, argument_texts
from services.chat.tools.json_calls import FENCE
from services.chat.tools.reader import Reader, Reading
from services.chat.tools.values import ToolSchemas, typed_value

OPEN, CLOSE = "<tool_call>", "</tool_call>"
FUNCTION, FUNCTION_END = "<function=", "</function>"
PARAMETER, PARAMETER_END = "<parameter=", "</parameter>"


class Qwen3Coder(Family):
    """Read and write calls as XML."""

    name = "qwen3_coder"
    template_signs = (PARAMETER,)
    markers = (OPEN, FUNCTION)
    closers = (CLOSE, FENCE)

    def readings_after_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the reading of a function's tag."""
        yield read_function(reader, tools)

    def format_call(self, name: str, arguments: str) -> str:
        """Return a call as XML."""
        lines = "".join(f"{PARAMETER}{key}>\n{value}\n{PARAMETER_END}\n" for key, value in argument_texts(arguments))
        return f"{OPEN}\n{FUNCTION}{name}>\n{lines}{FUNCTION_END}\n{CLOSE}"

    def example_call(self) -> str:
        """Return an example with one parameter, since the tag of a parameter must be seen."""
        return self.format_call(NAME, '{"<parameter>": "<value>"}')


def read_function(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read the tag of a function and its contents, with or without ``<tool_call>`` around it."""
    if (yield from reader.literal(OPEN)):
        yield from reader.blanks()
    yield from reader.require(FUNCTION)
    name = yield from reader.name(tools)
    yield from reader.require(">")
    yield from reader.blanks()
    arguments = {}
    while (yield from reader.literal(PARAMETER)):
        key = yield from reader.until(">")
        # A value may contain its own end tag, so the next tag decides.
        text = yield from reader.value(PARAMETER_END, (PARAMETER, FUNCTION_END))
        arguments[key] = typed_value(strip_line_breaks(text), tools[name], key)
    yield from reader.require(FUNCTION_END)
    return [make_call(name, arguments, tools)]


def strip_line_breaks(text: str) -> str:
    """Return `text` without the line breaks between it and its tags."""
    return text.removeprefix("\n").removesuffix("\n")
