"""Reads calls that are written as in Python: ``[get_weather(city="Paris"), get_time()]``. Literals only. Pure."""

from __future__ import annotations

import ast
import warnings
from typing import Any

from services.chat.tools.call import Call, NoCall, named, written
from services.chat.tools.source import Reading, Source
from services.chat.tools.values import Tools

LONGEST = 65_536
"""Characters of one call's arguments."""

DEEPEST = 32
"""Levels of brackets."""

QUOTES = ('"', "'")

NAMES = {"true": True, "false": False, "null": None, "none": None}
"""JSON's names of values, which models write in Python too."""


def calls(source: Source, tools: Tools, method: str = "") -> Reading[list[Call]]:
    """Read one call, or a list of calls in brackets. `method` stands behind the name, as ``.call`` does."""
    listed = yield from source.literal("[")
    found: list[Call] = []
    while True:
        yield from source.blanks()
        found.append((yield from call(source, tools, method)))
        if not listed:
            return found
        yield from source.blanks()
        if (yield from source.literal("]")):
            return found
        yield from source.require(",")


def call(source: Source, tools: Tools, method: str) -> Reading[Call]:
    """Read one call, also one inside ``print()``."""
    printed = "print" not in tools and (yield from source.literal("print("))
    name = yield from source.name(tools)
    yield from source.literal(method)
    text = yield from brackets(source)
    if printed:
        yield from source.blanks()
        yield from source.require(")")
    try:
        return named(name, keywords(text), tools)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise NoCall from None


def brackets(source: Source) -> Reading[str]:
    """Read what begins with a round bracket, up to the bracket that closes it."""
    if (yield from source.peek()) != "(":
        raise NoCall
    start, depth = source.position, 0
    while True:
        if (char := (yield from source.peek())) in QUOTES:
            yield from string(source, char)
        else:
            depth += ((yield from source.take()) in "([{") - (char in ")]}")
        if not depth:
            return source.text[start : source.position]
        if depth > DEEPEST or source.position - start > LONGEST:
            raise NoCall


def string(source: Source, quote: str) -> Reading[None]:
    """Read a string, of one or of three quotes."""
    closer = quote * 3 if (yield from source.literal(quote * 3)) else quote
    if closer == quote:
        yield from source.take()
    while not (yield from source.literal(closer)):
        if (yield from source.take()) == "\\":
            yield from source.take()


def keywords(text: str) -> dict[str, Any]:
    """Return the arguments of a call, whose brackets are `text`. Raises all that `ast.parse` raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that Python does not know: the text is not ours
        body = ast.parse(f"f{text}", mode="eval").body
    if not isinstance(body, ast.Call) or body.args:
        raise ValueError("arguments without a name")
    return {str(item.arg): literal(item.value) for item in body.keywords if item.arg or refused(item)}


def literal(node: ast.expr) -> Any:
    """Return the value that `node` writes out. Raises `ValueError` for all that must be computed."""
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [literal(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {key_of(key): literal(value) for key, value in zip(keys, values, strict=True)}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Name(id=name) if name in NAMES:
            return NAMES[name]
    return refused(node)


def key_of(node: ast.expr | None) -> str:
    """Return the key of an entry, which is a string in JSON."""
    key = literal(node) if node else refused(node)
    return key if isinstance(key, str) else written(key)


def refused(node: object) -> bool:
    """Raise `ValueError` for what is no literal."""
    raise ValueError(f"no literal: {node!r}")
