"""Build schemas for an engine's grammar, so that an answer surely is a call, or JSON of the client's schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.core.request import Tool

UNENFORCED = frozenset({
    "not", "if", "multipleOf", "uniqueItems", "contains", "minProperties", "maxProperties", "patternProperties",
    "propertyNames", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedItems",
    "unevaluatedProperties",
})  # fmt: skip
"""Keywords of JSON schema that llama.cpp's grammars do not enforce (measured). Their answers are checked at the end."""

NUMBER_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
"""Keywords that llama.cpp's grammars enforce for integers only."""


def exceeds_grammar(schema: Any, names: bool = False) -> bool:
    """Return whether `schema` has anything that a grammar does not enforce. `names`: its keys are property names."""
    if isinstance(schema, list):
        return any(exceeds_grammar(item) for item in schema)
    if not isinstance(schema, dict):
        return False
    inner = ((item, not names and key in ("properties", "$defs", "definitions")) for key, item in schema.items())
    return (not names and has_unenforced_keyword(schema)) or any(exceeds_grammar(item, named) for item, named in inner)


def has_unenforced_keyword(schema: dict[str, Any]) -> bool:
    """Return whether one of the schema's own keywords is not enforced."""
    pattern = schema.get("pattern")
    # llama.cpp's grammars match a pattern only if it is anchored at both ends.
    loose = isinstance(pattern, str) and not (pattern.startswith("^") and pattern.endswith("$"))
    # llama.cpp's grammars spell out ranges of digits, so they enforce the bounds of integers, and of no other numbers.
    bounded = schema.get("type") != "integer" and bool(schema.keys() & NUMBER_BOUNDS)
    return bool(schema.keys() & UNENFORCED) or loose or bounded


def call_schema(tools: Sequence[Tool]) -> dict[str, Any]:
    """Return the schema of one call of one of `tools`.

    The parameters of the tools are below ``$defs``. References inside them are changed to start there.
    """
    names = [f"tool{index}" for index in range(len(tools))]
    options = [one_call_schema(tool, name) for tool, name in zip(tools, names, strict=True)]
    roots = {
        name: move_references(arguments_schema(tool), f"#/$defs/{name}")
        for tool, name in zip(tools, names, strict=True)
    }
    return {**(options[0] if len(options) == 1 else {"anyOf": options}), "$defs": roots}


def call_or_answer_schema(call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of either a call or an answer that has its own schema."""
    defs = {**call["$defs"], "answer": move_references(answer, "#/$defs/answer")}
    options = call.get("anyOf") or [{key: value for key, value in call.items() if key != "$defs"}]
    return {"anyOf": [*options, {"$ref": "#/$defs/answer"}], "$defs": defs}


def with_own_root(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an answer, for a grammar.

    A grammar cannot refer to the root of a schema, so a schema that does is moved below ``$defs``.
    """
    inner = move_references(answer, "#/$defs/answer")
    return answer if inner == answer else {"$ref": "#/$defs/answer", "$defs": {"answer": inner}}


def one_call_schema(tool: Tool, name: str) -> dict[str, Any]:
    """Return the schema of a call of `tool`, whose parameters are in ``$defs`` as `name`."""
    return {
        "type": "object",
        "properties": {"name": {"const": tool.name}, "arguments": {"$ref": f"#/$defs/{name}"}},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def arguments_schema(tool: Tool) -> dict[str, Any]:
    """Return the schema of a tool's arguments. A tool without parameters takes an empty object."""
    # A tool without properties takes no arguments; its own schema would allow any object.
    if not tool.parameters.keys() - {"type"}:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    return {**tool.parameters, "type": "object"}


def move_references(value: Any, root: str) -> Any:
    """Return `value` with its references to the own root changed to start at `root`."""
    if isinstance(value, list):
        return [move_references(item, root) for item in value]
    if not isinstance(value, dict):
        return value
    moved = {key: move_references(item, root) for key, item in value.items()}
    reference = value.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        moved["$ref"] = root + reference[1:]
    return moved
