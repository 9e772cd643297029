"""Read and write Gemma's calls: Python's syntax or JSON (Gemma 3), or tokens (FunctionGemma, Gemma 4)."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import python_calls
from services.chat.tools.call import ParsedCall
from services.chat.tools.families import gemma_values
from services.chat.tools.families.base import Family, json_string
from services.chat.tools.json_calls import FENCE
from services.chat.tools.reader import Reader, Reading
from services.chat.tools.values import ToolSchemas

CODE = f"{FENCE}tool_code"
TOKENS = ("<start_function_call>", "<|tool_call>")
"""The tokens before a call, of FunctionGemma and of Gemma 4."""

CALL = "call:"


class Gemma(Family):
    """Read the calls of all Gemma models; write JSON, one of the two formats of Gemma 3."""

    name = "gemma"
    template_signs = ("<start_of_turn>", "<|turn>", *TOKENS)
    markers = (CODE, *TOKENS)
    closers = ("<end_function_call>", "<start_function_response>", "<tool_call|>", "<|tool_response>", FENCE)

    def readings_after_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the readings of a block of code, and of a call behind one of `TOKENS`."""
        yield read_code_block(reader, tools)
        for token in TOKENS:
            yield read_tagged(reader, tools, token)

    def readings_without_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the readings of JSON, of Python's syntax, and of a call whose token the engine left out."""
        yield from super().readings_without_marker(reader, tools)
        yield python_calls.read_calls(reader, tools)
        yield read_call(reader, tools)

    def format_call(self, name: str, arguments: str) -> str:
        """Return a call as JSON with ``parameters``."""
        return f'{{"name": {json_string(name)}, "parameters": {arguments}}}'


def read_code_block(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read the calls in a block of code; the closing fence is a closer, and may be missing."""
    yield from reader.require(CODE)
    yield from reader.blanks()
    calls = yield from python_calls.read_calls(reader, tools)
    yield from reader.blanks()
    # One block may have several calls, one per line.
    while (yield from reader.peek()) and not (yield from reader.ahead((FENCE,))):
        calls += yield from python_calls.read_calls(reader, tools)
        yield from reader.blanks()
    return calls


def read_tagged(reader: Reader, tools: ToolSchemas, token: str) -> Reading[list[ParsedCall]]:
    """Read a call behind its token; the token behind the call is a closer, and may be missing."""
    yield from reader.require(token)
    return (yield from read_call(reader, tools))


def read_call(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read a call of the form ``call:NAME{key:value}``."""
    yield from reader.require(CALL)
    name = yield from reader.name(tools)
    return [(yield from gemma_values.read_call(reader, tools, name))]
