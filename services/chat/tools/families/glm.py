"""GLM-4.5 and later: a name, and a pair of tags for each argument, inside ``<tool_call>``."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools.call import Call, NoCall, named
from services.chat.tools.families.base import NAME, Family, fields
from services.chat.tools.json_calls import FENCE
from services.chat.tools.source import Reading, Source
from services.chat.tools.values import Tools, typed

OPEN, CLOSE = "<tool_call>", "</tool_call>"
KEY, KEY_END = "<arg_key>", "</arg_key>"
VALUE, VALUE_END = "<arg_value>", "</arg_value>"


class Glm(Family):
    name = "glm"
    signs = (KEY,)
    markers = (OPEN,)
    closers = (CLOSE, FENCE)

    def marked(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield tagged(source, tools)

    def bare(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield untagged(source, tools)
        yield from super().bare(source, tools)

    def written(self, name: str, arguments: str) -> str:
        pairs = "".join(f"{KEY}{key}{KEY_END}\n{VALUE}{value}{VALUE_END}\n" for key, value in fields(arguments))
        return f"{OPEN}{name}\n{pairs}{CLOSE}"

    def example(self) -> str:
        return self.written(NAME, '{"<argument>": "<value>"}')


def tagged(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read a call in its tags."""
    yield from source.require(OPEN)
    yield from source.blanks()
    found = yield from body(source, tools)
    yield from source.require(CLOSE)
    return [found]


def untagged(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read a call of which the engine left out the tags; only its arguments show that it is one."""
    found = yield from body(source, tools)
    if found.arguments == "{}":
        raise NoCall
    return [found]


def body(source: Source, tools: Tools) -> Reading[Call]:
    """Read the name and the pairs of keys and values."""
    name = yield from source.name(tools)
    yield from source.blanks()
    found = {}
    while (yield from source.literal(KEY)):
        key = yield from source.until(KEY_END)
        yield from source.blanks()
        yield from source.require(VALUE)
        text = yield from source.value(VALUE_END, (KEY, CLOSE))
        found[key.strip()] = typed(text, tools[name], key.strip())
    return named(name, found, tools)
