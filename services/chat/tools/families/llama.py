"""Llama 3.1 and later: JSON with ``parameters``, ``<function=name>{...}</function>``, or calls as in Python."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import json_calls, python_calls
from services.chat.tools.call import Call
from services.chat.tools.families.base import Family, quoted
from services.chat.tools.json_calls import FENCE
from services.chat.tools.source import Reading, Source, first_of
from services.chat.tools.values import Tools

TAG, FUNCTION, FUNCTION_END = "<|python_tag|>", "<function=", "</function>"


class Llama(Family):
    name = "llama"
    signs = (TAG, '"parameters": dictionary of argument name and its value')
    markers = (TAG, FUNCTION)
    closers = ("<|eom_id|>", FUNCTION_END, ";", FENCE)

    def marked(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield tagged(source, tools)
        yield function(source, tools)

    def bare(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield from super().bare(source, tools)
        yield python_calls.calls(source, tools)

    def written(self, name: str, arguments: str) -> str:
        return f'{{"name": {quoted(name)}, "parameters": {arguments}}}'


def tagged(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read what follows the tag: JSON, or ``name.call(...)``, as the built-in tools are called."""
    yield from source.require(TAG)
    yield from source.blanks()
    return (yield from first_of(source, (json_calls.calls(source, tools), python_calls.calls(source, tools, ".call"))))


def function(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read the tag of a function, and its arguments as JSON."""
    yield from source.require(FUNCTION)
    name = yield from source.name(tools)
    yield from source.require(">")
    return (yield from json_calls.arguments(source, tools, name))
