"""Qwen3-Coder: a call is XML, one tag for the function and one for each of its parameters."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools.call import Call, named
from services.chat.tools.families.base import NAME, Family, fields
from services.chat.tools.json_calls import FENCE
from services.chat.tools.source import Reading, Source
from services.chat.tools.values import Tools, typed

OPEN, CLOSE = "<tool_call>", "</tool_call>"
FUNCTION, FUNCTION_END = "<function=", "</function>"
PARAMETER, PARAMETER_END = "<parameter=", "</parameter>"


class Qwen3Coder(Family):
    name = "qwen3_coder"
    signs = (PARAMETER,)
    markers = (OPEN, FUNCTION)
    closers = (CLOSE, FENCE)

    def marked(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield function(source, tools)

    def written(self, name: str, arguments: str) -> str:
        lines = "".join(f"{PARAMETER}{key}>\n{value}\n{PARAMETER_END}\n" for key, value in fields(arguments))
        return f"{OPEN}\n{FUNCTION}{name}>\n{lines}{FUNCTION_END}\n{CLOSE}"

    def example(self) -> str:
        return self.written(NAME, '{"<parameter>": "<value>"}')


def function(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read the tag of a function and all in it, behind ``<tool_call>`` or without it."""
    if (yield from source.literal(OPEN)):
        yield from source.blanks()
    yield from source.require(FUNCTION)
    name = yield from source.name(tools)
    yield from source.require(">")
    yield from source.blanks()
    found = {}
    while (yield from source.literal(PARAMETER)):
        key = yield from source.until(">")
        text = yield from source.value(PARAMETER_END, (PARAMETER, FUNCTION_END))
        found[key] = typed(unwrapped(text), tools[name], key)
    yield from source.require(FUNCTION_END)
    return [named(name, found, tools)]


def unwrapped(text: str) -> str:
    """Return `text` without the line breaks that part it from its tags."""
    return text.removeprefix("\n").removesuffix("\n")
