"""Read calls in Python's syntax: ``[get_weather(city="Paris"), get_time()]``. The arguments must be literals."""

from __future__ import annotations

import ast
import warnings
from typing import Any

from services.chat.tools.call import NoCall, ParsedCall, dump_json, make_call
from services.chat.tools.reader import Reader, Reading
from services.chat.tools.values import ToolSchemas

MAX_CHARACTERS = 32_768
"""Characters of one call's arguments: about 8,000 tokens. `ast.parse` takes 2 microseconds for each, at once."""

MAX_DEPTH = 32
"""Levels of nested brackets: enough for arguments in use, and far below the parser's own limit."""

QUOTES = ('"', "'")
"""The quotation marks of Python's strings."""

NAMED_VALUES = {"true": True, "false": False, "null": None, "none": None}
"""JSON's names of values, which models also write in Python's syntax."""


def read_calls(reader: Reader, tools: ToolSchemas, method: str = "") -> Reading[list[ParsedCall]]:
    """Read one call, or a list of calls in brackets; `method` follows the name, as in ``.call``. Raises `NoCall`."""
    listed = yield from reader.literal("[")
    calls: list[ParsedCall] = []
    while True:
        yield from reader.blanks()
        calls.append((yield from read_call(reader, tools, method)))
        if not listed:
            return calls
        yield from reader.blanks()
        if (yield from reader.literal("]")):
            return calls
        yield from reader.require(",")


def read_call(reader: Reader, tools: ToolSchemas, method: str) -> Reading[ParsedCall]:
    """Read one call, also one inside ``print()``. Raises `NoCall`."""
    # In a block of code, a model may print the result of a call.
    printed = "print" not in tools and (yield from reader.literal("print("))
    name = yield from reader.name(tools)
    yield from reader.literal(method)
    text = yield from read_brackets(reader)
    if printed:
        yield from reader.blanks()
        yield from reader.require(")")
    try:
        return make_call(name, parse_keywords(text), tools)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise NoCall from None


def read_brackets(reader: Reader) -> Reading[str]:
    """Read from a round bracket to the one that closes it, and return both with their contents. Raises `NoCall`."""
    if (yield from reader.peek()) != "(":
        raise NoCall
    start, depth = reader.position, 0
    while True:
        if (char := (yield from reader.peek())) in QUOTES:
            yield from read_string(reader, char)
        else:
            depth += ((yield from reader.take()) in "([{") - (char in ")]}")
        if not depth:
            return reader.text[start : reader.position]
        if depth > MAX_DEPTH or reader.position - start > MAX_CHARACTERS:
            raise NoCall


def read_string(reader: Reader, quote: str) -> Reading[None]:
    """Read a string in single or triple quotes."""
    closer = quote * 3 if (yield from reader.literal(quote * 3)) else quote
    if closer == quote:
        yield from reader.take()
    while not (yield from reader.literal(closer)):
        if (yield from reader.take()) == "\\":
            yield from reader.take()


def parse_keywords(text: str) -> dict[str, Any]:
    """Return the arguments of a call from `text`, its brackets and what is in them.

    Raises what `ast.parse` raises.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about unknown escapes: a model wrote the text
        body = ast.parse(f"f{text}", mode="eval").body
    if not isinstance(body, ast.Call) or body.args:
        raise ValueError("arguments without a name")
    return {str(item.arg): literal_value(item.value) for item in body.keywords if item.arg or refuse_node(item)}


def literal_value(node: ast.expr) -> Any:
    """Return the value of a literal. Raises `ValueError` for anything that must be computed."""
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [literal_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {json_key(key): literal_value(value) for key, value in zip(keys, values, strict=True)}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Name(id=name) if name in NAMED_VALUES:
            return NAMED_VALUES[name]
    return refuse_node(node)


def json_key(node: ast.expr | None) -> str:
    """Return the key of an entry as a string, since JSON has no other keys."""
    key = literal_value(node) if node else refuse_node(node)
    return key if isinstance(key, str) else dump_json(key)


def refuse_node(node: object) -> bool:
    """Raise `ValueError`: the node is not a literal."""
    raise ValueError(f"no literal: {node!r}")
