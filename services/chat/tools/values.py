"""Values that a model wrote as plain text, typed by the JSON schema of the tool. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from services.chat.tools.call import refuse

Schema = Mapping[str, Any]
Tools = Mapping[str, Schema]
"""The tools that are offered: the JSON schema of the arguments by the tool's name."""

KINDS: dict[type, tuple[str, ...]] = {
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number", "integer"),
    type(None): ("null",),
    list: ("array",),
    dict: ("object",),
}
"""The types of JSON schema that a value may have; a float is an integer where it has no fraction."""

SPELLED = {"True": True, "False": False, "None": None}
"""Values as templates that are rendered with Python write them."""

STRUCTURES = (dict, list, type(None))
"""Types that text is read as even where the schema allows a string too."""


def typed(text: str, tool: Schema, field: str) -> Any:
    """Return the value of `text` for the argument `field` of a tool with the schema `tool`.

    It stays a string where the schema names no other type, and where it is no JSON of a type that the schema names.
    """
    properties = tool.get("properties")
    schema = properties.get(field) if isinstance(properties, Mapping) else None
    kinds = types(schema, tool)
    value = parsed(text.strip()) if kinds - {"string"} else text
    if isinstance(value, str) or not kinds & set(KINDS[type(value)]):
        return text
    if isinstance(value, float) and not value.is_integer() and "number" not in kinds:
        return text
    return text if "string" in kinds and not isinstance(value, STRUCTURES) else value


def parsed(text: str) -> Any:
    """Return the value of `text` as JSON, or `text` where it is none."""
    if text in SPELLED:
        return SPELLED[text]
    try:
        return json.loads(text, strict=False, parse_constant=refuse, parse_float=finite)
    except (ValueError, RecursionError):
        return text


def finite(text: str) -> float:
    """Return the number that `text` writes out. Raises `ValueError` for infinite ones, which JSON cannot hold."""
    value = float(text)
    return value if math.isfinite(value) else refuse(text)


def types(schema: Any, root: Schema) -> set[str]:
    """Return the names of the types that `schema` allows, none where it does not say. References begin at `root`."""
    found: set[str] = set()
    waiting, seen = [schema], set()
    while waiting:
        item = waiting.pop()
        if not isinstance(item, Mapping) or id(item) in seen:
            continue
        seen.add(id(item))
        found.update(own_types(item))
        for key in ("anyOf", "oneOf", "allOf"):
            waiting += item[key] if isinstance(item.get(key), list) else []
        if isinstance(item.get("$ref"), str):
            waiting.append(referred(item["$ref"], root))
    return found


def own_types(schema: Schema) -> Iterator[str]:
    """Yield the names of the types that `schema` itself allows: by ``type``, else by the values that it lists."""
    names = schema.get("type")
    if names is None:
        values = schema["enum"] if isinstance(schema.get("enum"), list) else []
        for value in [*values, schema["const"]] if "const" in schema else values:
            yield from KINDS.get(type(value), ("string",))
    for name in names if isinstance(names, list) else [names]:
        if isinstance(name, str):
            yield name


def referred(reference: str, root: Schema) -> Any:
    """Return the schema that ``#/$defs/Name`` means, None where there is none."""
    found: Any = root
    for key in reference.removeprefix("#").split("/")[1:]:
        found = found.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found
