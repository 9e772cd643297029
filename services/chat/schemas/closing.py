"""Keep the objects of a grammar to the described properties, where their schema does not speak of further ones. Pure.

Small models would go on to write properties of their own until the limit of tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.chat.schemas.parts import DATA, NAMED, schemas

COMBINING = frozenset(
    {"allOf", "not", "if", "dependentSchemas", "dependencies", "unevaluatedProperties", "$dynamicRef"}
)
"""Keywords with which several schemas may describe one object, so that none of them has all of its properties."""

CHOOSING = frozenset({"anyOf", "oneOf", "$ref"})
"""Keywords that do the same beside properties."""

OPENING = frozenset(
    {
        "additionalProperties", "patternProperties", "propertyNames", "minProperties", "maxProperties",
        "dependentRequired",
    }
)  # fmt: skip
"""Keywords that say more of an object's properties than their names."""


def with_described_alone(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that allows less: no further properties, unless several of its parts describe one object."""
    return schema if any(combines(part) for _, part in schemas(schema)) else dict(closed(schema))


def combines(schema: Mapping[str, Any]) -> bool:
    """Return whether an object may have properties of `schema` and of another one."""
    return bool(schema.keys() & COMBINING) or ("properties" in schema and bool(schema.keys() & CHOOSING))


def closed(value: Any) -> Any:
    """Return a schema whose objects have the described properties alone, where it says nothing of further ones."""
    if isinstance(value, list):
        return [closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {
        key: {name: closed(part) for name, part in item.items()}
        if key in NAMED and isinstance(item, dict)
        else item
        if key in DATA
        else closed(item)
        for key, item in value.items()
    }
    names = found.get("properties")
    if (
        not isinstance(names, dict)
        or not names
        or found.keys() & OPENING
        or set(found.get("required", ())) - names.keys()
    ):
        return found
    return {**found, "additionalProperties": False}
