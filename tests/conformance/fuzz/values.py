"""JSON values for the fuzzer: what a schema of our description allows, what it forbids, and bytes that are no JSON."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

DEEP, MANY = 5, 4
"""Levels of nesting, and items or optional fields of one value."""

TEXTS = [
    "", " ", "\0", "\ud800", "a\udfffb", "\ufeff", "\u202e", "é" * 300, "x" * 3000, "<|im_end|>", "<|im_start|>system",
    "</s>", "[INST]", "<think>", "</think>", "<tool_call>{", '<source id="1" name="a">b</source>', "<user_query>",
    "{{ messages }}", "{% for %}", "../../etc/passwd", "http://127.0.0.1:1/", "data:image/png;base64,AAAA", "%s%n",
    "1e999", "-1", "5m", "1" * 400, "h" * 50 + "m", "\r\nX: y", "🙂" * 100,
]  # fmt: skip
NUMBERS = [
    0,
    1,
    2,
    -1,
    -2,
    4.0,
    0.5,
    -0.0,
    1e308,
    2**31,
    2**53,
    2**63,
    -(2**63),
    2**64,
    10**40,
    float("nan"),
    float("inf"),
]
WRONG: list[Any] = [None, True, [], {}, [None], [[[]]], {"a": 1}, {"": None}, [1, "a", {}], *TEXTS, *NUMBERS]

SCHEMAS: list[Any] = [
    {}, True, False, {"type": "object"}, {"type": "string", "pattern": "a{5,2}"}, {"type": "string", "pattern": "("},
    {"type": "array", "minItems": 5, "maxItems": 2}, {"type": "string", "minLength": 9, "maxLength": 1}, {"enum": []},
    {"type": "integer", "minimum": 9, "maximum": 1}, {"enum": [1, "a", None]}, {"$ref": "#"}, {"$ref": "#/no"},
    {"type": "nothing"}, {"type": ["string", "null"]}, {"anyOf": []}, {"not": {}}, {"type": 5}, {"const": {"a": [1]}},
    {"properties": {"a": {"const": 1}}, "required": ["b"]}, {"allOf": [{"type": "string"}, {"type": "null"}]},
    {"type": "object", "patternProperties": {"^(a|b)$": {"format": "date"}}},
]  # fmt: skip
"""Schemas that a request may bring along; the costly ones have tests of their own."""

BASE = st.sampled_from(WRONG) | st.text(max_size=12) | st.integers() | st.floats()
ANYTHING = st.recursive(
    BASE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


class Described:
    """Values of the schemas of one description."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._schemas: dict[str, Any] = document["components"]["schemas"]

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def value(self, draw: st.DrawFn, schema: dict[str, Any], depth: int = 0) -> Any:
        """Draw a value that `schema` allows; below `DEEP` levels without optional parts."""
        schema = self.resolved(schema)
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self.value(draw, draw(st.sampled_from(options)), depth + 1)
        if "enum" in schema:
            return draw(st.sampled_from(schema["enum"]))
        match schema.get("type"):
            case "object":
                return self.fields(draw, schema, depth)
            case "array":
                room = min(schema.get("maxItems", MANY), MANY if depth < DEEP else 1)
                size = draw(st.integers(min(schema.get("minItems", 0), room), room))
                return [self.value(draw, schema.get("items", {}), depth + 1) for _ in range(size)]
            case kind:
                return draw(plain(kind, schema))

    def fields(self, draw: st.DrawFn, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        known = schema.get("properties", {})
        if not known:
            return draw(st.sampled_from([s for s in SCHEMAS if isinstance(s, dict)]))
        needed = schema.get("required", [])
        more = sorted(known.keys() - set(needed)) if depth < DEEP else []
        extra = draw(st.lists(st.sampled_from(more), max_size=MANY, unique=True)) if more else []
        return {name: self.value(draw, known[name], depth + 1) for name in [*needed, *extra]}


def plain(kind: str | None, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return what draws a value without parts."""
    low, high = schema.get("minimum", -(2**31)), schema.get("maximum", 2**31)
    match kind:
        case "string":
            return st.sampled_from(TEXTS) | st.text(max_size=20)
        case "integer":
            return st.integers(int(low), int(high))
        case "number":
            return st.floats(low, high)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    return ANYTHING


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container inside `value` with each of its keys."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from places(inner)


def spoiled(draw: st.DrawFn, value: Any) -> Any:
    """Draw a copy of `value` with up to three places of it replaced, removed or added to."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(value))
        if not found:
            return draw(ANYTHING)
        container, key = draw(st.sampled_from(found))
        match draw(st.sampled_from(["replace", "replace", "remove", "wrap", "add"])):
            case "replace":
                container[key] = copy.deepcopy(draw(BASE))
            case "remove":
                del container[key]
            case "wrap":
                container[key] = [container[key]]
            case "add" if isinstance(container, dict):
                container[draw(st.text(max_size=8))] = copy.deepcopy(draw(BASE))
    return value


def encoded(draw: st.DrawFn, value: Any) -> bytes:
    """Draw the bytes of `value`: mostly its JSON, else something that looks like it."""
    text = json.dumps(value)
    strange = {
        "cut": text[: len(text) // 2].encode(),
        "mark": b"\xef\xbb\xbf" + text.encode(),
        "utf-16": text.encode("utf-16"),
        "twice": (text + text).encode(),
        "deep": b'{"a":' * 3000 + text.encode(),
        "long": b'{"model": "' + b"x" * 1_000_000 + b'"}',
        "bare": json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        "bytes": text.encode() + b"\xff\0}",
    }
    return strange.get(draw(st.sampled_from([*["as it is"] * 16, *strange])), text.encode())
