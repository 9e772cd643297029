"""Walk through the schemas inside a JSON schema, whatever its draft. Pure, and linear in its size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

DATA = frozenset({"const", "enum", "default", "examples", "example", "required"})
"""Keywords whose values are data. Objects inside them are no schemas."""

NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})
"""Keywords whose values are objects of schemas: their keys are names, and no keywords."""

MAX_STEPS, MAX_STEP = 8, 40
"""Steps of a path, and characters of a step, that an error message shows."""

Path = tuple["Path", str] | None
"""The steps to a place in a schema, the last one outside: joining them for each place would take too long."""


def children(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what may be a schema directly inside `schema`, each with its keyword, or its name or index below that."""
    for key, value in schema.items():
        if key in NAMED and isinstance(value, dict):
            yield from value.items()
        elif key not in DATA and isinstance(value, dict):
            yield key, value
        elif key not in DATA and isinstance(value, list):
            yield from ((f"{key}[{index}]", item) for index, item in enumerate(value))


def schemas(schema: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield `schema` and all schemas inside it, each with the path to it."""
    # A stack of its own: recursion would reach Python's limit.
    waiting: list[tuple[Path, Any]] = [(None, schema)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            yield path, value
            waiting += [((path, step), item) for step, item in children(value)]


def place(path: Path) -> str:
    """Return a path as words for an error message (``city.name``); empty for the root."""
    steps: list[str] = []
    while path is not None and len(steps) < MAX_STEPS:
        path, step = path
        steps.append(step[:MAX_STEP])
    return ".".join(reversed(steps))


def in_place(schema: dict[str, Any]) -> Iterator[Any]:
    """Yield the schemas inside `schema` that apply to the same value as `schema` itself."""
    for key in ("allOf", "anyOf", "oneOf"):
        value = schema.get(key)
        yield from value if isinstance(value, list) else ()
    yield from (schema[key] for key in ("not", "if", "then", "else") if key in schema)
