"""Convert values that a model wrote as plain text, by the JSON schema of the tool."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from services.chat.tools.call import refuse_constant

Schema = Mapping[str, Any]
ToolSchemas = Mapping[str, Schema]
"""The tools that are offered: the JSON schema of the arguments by the tool's name."""

JSON_TYPES: dict[type, tuple[str, ...]] = {
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number", "integer"),
    type(None): ("null",),
    list: ("array",),
    dict: ("object",),
}
"""The types of JSON schema that a Python value can have. A float counts as an integer if it has no fraction."""

PYTHON_NAMES = {"True": True, "False": False, "None": None}
"""Python's names of values: templates that are rendered with Python teach models to write them."""

STRUCTURES = (dict, list, type(None))
"""Types that a text becomes even if the schema also allows a string: nobody writes such a text as a string."""


def typed_value(text: str, tool: Schema, field: str) -> Any:
    """Return the value of `text` for the argument `field` of a tool with the schema `tool`.

    It stays a string if the schema names no other type, or if it is not JSON of a type that the schema names.
    """
    properties = tool.get("properties")
    schema = properties.get(field) if isinstance(properties, Mapping) else None
    allowed = allowed_types(schema, tool)
    value = json_or_text(text.strip()) if allowed - {"string"} else text
    if isinstance(value, str) or not allowed & set(JSON_TYPES[type(value)]):
        return text
    if isinstance(value, float) and not value.is_integer() and "number" not in allowed:
        return text
    return text if "string" in allowed and not isinstance(value, STRUCTURES) else value


def json_or_text(text: str) -> Any:
    """Return the value of `text` as JSON; `text` itself if it is not JSON."""
    if text in PYTHON_NAMES:
        return PYTHON_NAMES[text]
    try:
        return json.loads(text, strict=False, parse_constant=refuse_constant, parse_float=finite_number)
    except (ValueError, RecursionError):
        return text


def finite_number(text: str) -> float:
    """Return the number that `text` stands for. Raises `ValueError` for an infinite one, which JSON does not have."""
    value = float(text)
    return value if math.isfinite(value) else refuse_constant(text)


def allowed_types(schema: Any, root: Schema) -> set[str]:
    """Return the names of the types that `schema` allows; empty if it does not say. References start at `root`."""
    names: set[str] = set()
    waiting, seen = [schema], set()
    while waiting:
        item = waiting.pop()
        # A schema may refer to itself.
        if not isinstance(item, Mapping) or id(item) in seen:
            continue
        seen.add(id(item))
        names.update(own_types(item))
        for key in ("anyOf", "oneOf", "allOf"):
            waiting += item[key] if isinstance(item.get(key), list) else []
        if isinstance(item.get("$ref"), str):
            waiting.append(resolve_reference(item["$ref"], root))
    return names


def own_types(schema: Schema) -> Iterator[str]:
    """Yield the names of the types that `schema` itself allows: by ``type``, else by the values that it lists."""
    names = schema.get("type")
    if names is None:
        values = schema["enum"] if isinstance(schema.get("enum"), list) else []
        for value in [*values, schema["const"]] if "const" in schema else values:
            yield from JSON_TYPES.get(type(value), ("string",))
    for name in names if isinstance(names, list) else [names]:
        if isinstance(name, str):
            yield name


def resolve_reference(reference: str, root: Schema) -> Any:
    """Return the schema that a reference such as ``#/$defs/Name`` points to; None if there is none."""
    schema: Any = root
    for key in reference.removeprefix("#").split("/")[1:]:
        schema = schema.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(schema, Mapping) else None
    return schema
