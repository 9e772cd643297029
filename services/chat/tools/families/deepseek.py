"""DeepSeek: V3 and R1 write ``function``, the name and fenced arguments; V3.1 only the name and the arguments."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import json_calls
from services.chat.tools.call import Call
from services.chat.tools.families.base import Family
from services.chat.tools.json_calls import FENCE
from services.chat.tools.source import Reading, Source, first_of
from services.chat.tools.values import Tools

CALLS, CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL, CALL_END, SEPARATOR = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"
KIND = "function"


class Deepseek(Family):
    name = "deepseek"
    signs = (CALL,)
    markers = (CALLS, CALL)
    closers = (FENCE, CALL_END, CALLS_END)

    def marked(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield tagged(source, tools)

    def bare(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield body(source, tools)
        yield from super().bare(source, tools)

    def written(self, name: str, arguments: str) -> str:
        return f"{CALLS}{CALL}{name}{SEPARATOR}{arguments}{CALL_END}{CALLS_END}"


def tagged(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read the first call of a list, or a later one; the tokens that end it are closers."""
    if (yield from source.literal(CALLS)):
        yield from source.blanks()
    yield from source.require(CALL)
    return (yield from body(source, tools))


def body(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read a name and its arguments; the engine may have left out what parts them."""
    name = yield from first_of(source, (source.name(tools), after_kind(source, tools)))
    yield from source.literal(SEPARATOR)
    return (yield from json_calls.arguments(source, tools, name))


def after_kind(source: Source, tools: Tools) -> Reading[str]:
    """Read a name that follows its kind."""
    yield from source.require(KIND)
    yield from source.literal(SEPARATOR)
    return (yield from source.name(tools))
