"""Models that learn the form of a call from the prompt: JSON, in a fence or without one."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import json_calls
from services.chat.tools.call import Call
from services.chat.tools.families.base import Family, quoted
from services.chat.tools.json_calls import FENCE
from services.chat.tools.source import Reading, Source
from services.chat.tools.values import Tools


class Plain(Family):
    name = "json"
    markers: tuple[str, ...] = (FENCE,)
    closers: tuple[str, ...] = (FENCE, ";")

    def marked(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield json_calls.fenced(source, tools)

    def written(self, name: str, arguments: str) -> str:
        return f'{{"name": {quoted(name)}, "arguments": {arguments}}}'
