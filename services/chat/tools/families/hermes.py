"""Hermes, Qwen2.5, Qwen3: ``<tool_call>{"name": ..., "arguments": {...}}</tool_call>``."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import json_calls
from services.chat.tools.call import Call
from services.chat.tools.families.base import Family, quoted
from services.chat.tools.json_calls import FENCE
from services.chat.tools.source import Reading, Source
from services.chat.tools.values import Tools

OPEN, CLOSE = "<tool_call>", "</tool_call>"


class Hermes(Family):
    name = "hermes"
    signs = (OPEN,)
    markers = (OPEN,)
    closers = (CLOSE, FENCE)

    def marked(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield tagged(source, tools)

    def written(self, name: str, arguments: str) -> str:
        return f'{OPEN}\n{{"name": {quoted(name)}, "arguments": {arguments}}}\n{CLOSE}'


def tagged(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read JSON behind its tag; the tag behind it is a closer, and may be missing."""
    yield from source.require(OPEN)
    return (yield from json_calls.calls(source, tools))
