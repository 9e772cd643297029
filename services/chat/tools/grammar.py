"""Write the rules of an answer that is a call, or JSON of a schema. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from services.chat.schemas.checks import ANNOTATIONS
from services.chat.schemas.parts import DATA, NAMED
from services.core.grammar import ROOT
from services.core.request import Tool


def rules(schemas: Iterable[dict[str, Any]]) -> str:
    """Return the rules of an answer that is JSON of one of `schemas`."""
    # Calls are JSON of a schema too, and no text with JSON inside: the lexer could not tell that from other JSON.
    lines = [f"json{index}: %json {json.dumps(schema)}" for index, schema in enumerate(schemas)]
    return "\n".join([f"{ROOT}: {' | '.join(f'json{index}' for index in range(len(lines)))}", *lines])


def call_schema(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a call of the tool `name`, whose `arguments` are a schema that may refer to its root."""
    inner = {key: value for key, value in arguments.items() if key not in ("$id", "$schema")}
    draft = {"$schema": arguments["$schema"]} if "$schema" in arguments else {}
    return {
        **draft,
        "type": "object",
        "properties": {"name": {"const": name}, "arguments": {"$ref": "#/$defs/arguments"}},
        "required": ["name", "arguments"],
        "additionalProperties": False,
        "$defs": {"arguments": move_references(inner, "#/$defs/arguments")},
    }


SILENT = ANNOTATIONS | {"type", "description"}
"""Keywords that say nothing of the arguments; many clients describe a tool without any."""


def arguments_schema(tool: Tool) -> dict[str, Any]:
    """Return the schema of a tool's arguments. A tool without parameters takes an empty object."""
    # A tool without properties takes no arguments; its own schema would allow any object. Empty keywords say nothing.
    if not any(value for key, value in tool.parameters.items() if key not in SILENT):
        return {"type": "object", "properties": {}, "additionalProperties": False}
    return {**tool.parameters, "type": "object"}


def move_references(schema: Any, root: str) -> Any:
    """Return a schema with its references to its own root, and from there, changed to start at `root`."""
    if isinstance(schema, list):
        return [move_references(item, root) for item in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {key: move_inside(key, item, root) for key, item in schema.items()}
    reference = schema.get("$ref")
    # Others name an anchor, which is the same from everywhere.
    if isinstance(reference, str) and (reference == "#" or reference.startswith("#/")):
        moved["$ref"] = root + reference[1:]
    return moved


def move_inside(key: str, item: Any, root: str) -> Any:
    """Return the value of the keyword `key` of a schema, as `move_references` does. Data stay as they are."""
    if key in NAMED and isinstance(item, dict):
        return {name: move_references(part, root) for name, part in item.items()}
    return item if key in DATA else move_references(item, root)
