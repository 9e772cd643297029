"""Check the size of a client's JSON schemas, and describe them to a model."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from services.chat.schemas.bounds import check_bounds
from services.core.errors import BadRequest
from services.core.request import Tool

Schema = dict[str, Any]

PARAM = "response_format"
"""The field of a request that contains the schema, for error messages."""

ANNOTATIONS = frozenset({"$schema", "$id", "title", "examples", "default"})
"""Keys of a schema that a model does not need. They would only cost tokens of the prompt."""

NO_OBJECT = ("array", "boolean", "integer", "null", "number", "string")
"""Types of JSON values that are no objects."""

MAX_DEPTH = 64
"""Largest nesting of schemas and of arguments in a request, in levels. It is enough for all in use, and keeps
recursive code far from Python's limit."""

MAX_TEXT = 256 * 1024
"""Largest size of all schemas of a request, as JSON text, in bytes. Reading the patterns in them takes 0.1 s then."""

MAX_VALUES = 10_000
"""Largest number of JSON values in a schema or in arguments."""


def bounded_json(value: Any, where: str) -> Any:
    """Return `value`, JSON from the field `where` of a request. Raises `BadRequest` if it is too large or contains NUL.

    The limits are `MAX_DEPTH` levels, `MAX_VALUES` values, and numbers that a float can be. NUL is refused, because it
    ends a string in C.
    """
    # One level after the other: recursion would reach Python's limit before the check.
    level, size = [value], 0
    for _ in range(MAX_DEPTH):
        size += len(level)
        if size > MAX_VALUES:
            raise BadRequest(
                f"{where} is too large: it has more than {MAX_VALUES} JSON values. Make it smaller.", param=where
            )
        if any("\0" in text for item in level for text in own_strings(item)):
            raise BadRequest(f"{where} contains a NUL character; remove it.", param=where)
        if any(isinstance(item, int) and abs(item) > sys.float_info.max for item in level):
            raise BadRequest(
                f"{where} contains an integer of more than 308 digits, which engines cannot read; send a smaller one.",
                param=where,
            )
        level = [inner for item in level for inner in children(item)]
        if not level:
            return value
    raise BadRequest(
        f"{where} is nested too deeply: it has more than {MAX_DEPTH} levels of JSON. Make it flatter.", param=where
    )


def own_strings(value: Any) -> Iterable[str]:
    """Return the strings that belong to a JSON value itself: the value or its keys, without those inside it."""
    return (value,) if isinstance(value, str) else value if isinstance(value, dict) else ()


def children(value: Any) -> Iterable[Any]:
    """Return the values directly inside a JSON value."""
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def check_schemas(answer: Schema | None, tools: Sequence[Tool]) -> None:
    """Check the size and the bounds of the schemas of a request: of its answer, and of its tools. Raises `BadRequest`.

    Whether they are valid schemas, only `answering.judge` says.
    """
    named = [(tool_schema_name(tool.name), "tools", tool.parameters) for tool in tools]
    if answer is not None:
        named.append((PARAM, PARAM, bounded_json(answer, PARAM)))
    if sum(len(json.dumps(schema)) for _, _, schema in named) > MAX_TEXT:
        raise BadRequest(
            f"The JSON schemas of the request are larger than {MAX_TEXT // 1024} kB together. Make them smaller.",
            param=named[-1][1],
        )
    for name, param, schema in named:
        check_bounds(schema, name, param)
    for tool in tools:
        check_arguments(tool)


def check_arguments(tool: Tool) -> None:
    """Check that the arguments of `tool` may be an object, as those of every call are. Raises `BadRequest`."""
    kind = tool.parameters.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if "object" not in kinds and any(kind in NO_OBJECT for kind in kinds):
        raise BadRequest(
            f"The schema of {tool_schema_name(tool.name)} has the type {kind!r}, but the arguments of a call are "
            "always an object. Make its type 'object'.",
            param="tools",
        )


def tool_schema_name(tool: str) -> str:
    """Return what error messages call the schema of a tool's parameters."""
    return f"the parameters of the tool {tool!r}"


def schema_instructions(schema: Schema) -> str:
    """Return the text that asks a model for JSON of `schema`, for engines without a grammar."""
    if not schema:
        return "Answer with one JSON object alone, without any text around it."
    text = json.dumps(without_annotations(schema), ensure_ascii=False, separators=(",", ":"))
    return f"Answer with JSON alone, without any text around it. It must satisfy this JSON schema:\n{text}"


def without_annotations(value: Any, names: bool = False) -> Any:
    """Return a schema without its `ANNOTATIONS`. `names`: the keys of `value` are property names, so all stay."""
    if isinstance(value, list):
        return [without_annotations(item) for item in value]
    if not isinstance(value, dict):
        return value
    needed = {key: item for key, item in value.items() if names or key not in ANNOTATIONS}
    return {
        key: without_annotations(item, key in ("properties", "$defs") and not names) for key, item in needed.items()
    }
