"""The schema of an answer that is a call: what makes a demanded call certain on an engine with grammars. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.core.request import Tool

BEYOND = frozenset({
    "not", "if", "multipleOf", "uniqueItems", "contains", "minProperties", "maxProperties", "patternProperties",
    "propertyNames", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedItems",
    "unevaluatedProperties",
})  # fmt: skip
"""What a schema may say and no grammar holds an answer to (measured with llama.cpp's)."""

BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
"""The same, but for integers."""


def is_beyond(schema: Any, names: bool = False) -> bool:
    """Whether `schema` has anything that a grammar does not hold an answer to; `names`: its keys name properties."""
    if isinstance(schema, list):
        return any(is_beyond(item) for item in schema)
    if not isinstance(schema, dict):
        return False
    inner = ((item, not names and key in ("properties", "$defs", "definitions")) for key, item in schema.items())
    return (not names and says_more(schema)) or any(is_beyond(item, named) for item, named in inner)


def says_more(schema: dict[str, Any]) -> bool:
    pattern = schema.get("pattern")
    loose = isinstance(pattern, str) and not (pattern.startswith("^") and pattern.endswith("$"))
    return bool(schema.keys() & BEYOND) or loose or (schema.get("type") != "integer" and bool(schema.keys() & BOUNDS))


def call_schema(tools: Sequence[Tool]) -> dict[str, Any]:
    """The schema of one call of one of `tools`.

    References inside a tool's parameters begin at their root; here they lie deeper, below ``$defs``.
    """
    names = [f"tool{index}" for index in range(len(tools))]
    options = [one(tool, name) for tool, name in zip(tools, names, strict=True)]
    roots = {name: moved(arguments(tool), f"#/$defs/{name}") for tool, name in zip(tools, names, strict=True)}
    return {**(options[0] if len(options) == 1 else {"anyOf": options}), "$defs": roots}


def either(call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """A call, or an answer of its own schema."""
    defs = {**call["$defs"], "answer": moved(answer, "#/$defs/answer")}
    options = call.get("anyOf") or [{key: value for key, value in call.items() if key != "$defs"}]
    return {"anyOf": [*options, {"$ref": "#/$defs/answer"}], "$defs": defs}


def rooted(answer: dict[str, Any]) -> dict[str, Any]:
    """The schema of an answer; one that refers to its own root, which no grammar can, lies deeper."""
    inner = moved(answer, "#/$defs/answer")
    return answer if inner == answer else {"$ref": "#/$defs/answer", "$defs": {"answer": inner}}


def one(tool: Tool, name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"name": {"const": tool.name}, "arguments": {"$ref": f"#/$defs/{name}"}},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def arguments(tool: Tool) -> dict[str, Any]:
    """The schema of a tool's arguments, which are an object; one that tells of no parameters has none."""
    if not tool.parameters.keys() - {"type"}:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    return {**tool.parameters, "type": "object"}


def moved(value: Any, root: str) -> Any:
    """`value` with its references inside the same schema told from `root`."""
    if isinstance(value, list):
        return [moved(item, root) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: moved(item, root) for key, item in value.items()}
    reference = value.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        found["$ref"] = root + reference[1:]
    return found
