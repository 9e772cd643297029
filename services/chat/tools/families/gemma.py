"""Gemma: calls as in Python or as JSON (Gemma 3), and the tokens for calls of FunctionGemma and Gemma 4."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import python_calls
from services.chat.tools.call import Call
from services.chat.tools.families import gemma_values
from services.chat.tools.families.base import Family, quoted
from services.chat.tools.json_calls import FENCE
from services.chat.tools.source import Reading, Source
from services.chat.tools.values import Tools

CODE = f"{FENCE}tool_code"
TOKENS = ("<start_function_call>", "<|tool_call>")
"""What begins a call: FunctionGemma, Gemma 4."""

CALL = "call:"


class Gemma(Family):
    name = "gemma"
    signs = ("<start_of_turn>", "<|turn>", *TOKENS)
    markers = (CODE, *TOKENS)
    closers = ("<end_function_call>", "<start_function_response>", "<tool_call|>", "<|tool_response>", FENCE)

    def marked(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield code(source, tools)
        for token in TOKENS:
            yield tagged(source, tools, token)

    def bare(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield from super().bare(source, tools)
        yield python_calls.calls(source, tools)
        yield call(source, tools)

    def written(self, name: str, arguments: str) -> str:
        return f'{{"name": {quoted(name)}, "parameters": {arguments}}}'


def code(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read a block of code; its closing fence is a closer, and may be missing."""
    yield from source.require(CODE)
    yield from source.blanks()
    found = yield from python_calls.calls(source, tools)
    yield from source.blanks()
    while (yield from source.peek()) and not (yield from source.ahead((FENCE,))):
        found += yield from python_calls.calls(source, tools)
        yield from source.blanks()
    return found


def tagged(source: Source, tools: Tools, token: str) -> Reading[list[Call]]:
    """Read a call behind its token; the token behind it is a closer, and may be missing."""
    yield from source.require(token)
    return (yield from call(source, tools))


def call(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read ``call:NAME{key:value}``."""
    yield from source.require(CALL)
    name = yield from source.name(tools)
    return [(yield from gemma_values.call(source, tools, name))]
