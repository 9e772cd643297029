"""Prepare a JSON schema for llguidance, the compiler of grammars: leave out what it cannot enforce. Pure.

It enforces most of JSON schema, and with ``lenient`` it leaves out unknown keywords itself. What is left out here makes
it fail all the same. All of it makes the copy allow more than the original, but for further properties (`closing`) and
rare texts (`formats`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from services.chat.schemas.bounds import interval
from services.chat.schemas.closing import with_described_alone
from services.chat.schemas.formats import FORMATS, has_taken_format, is_checked, with_pattern
from services.chat.schemas.parts import DATA, NAMED, schemas
from services.chat.schemas.patterns import as_javascript, has_nested_class, has_quoted_text

Compiles = Callable[[dict[str, Any]], bool]
"""Returns whether a grammar can be made of a schema."""

GUIDANCE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""How JSON is written: on one line, since small models fill a budget with line breaks if they may."""

LENIENT = {"lenient": True, "coerce_one_of": True}
"""Leaves out unknown keywords, and takes ``oneOf`` for ``anyOf``."""

COUNT_LIMITS = {"minItems": 10_000, "maxItems": 10_000, "minLength": 1_000_000, "maxLength": 1_000_000}
"""Largest counts for a grammar; at 100,000 items llguidance panics after seconds."""

COUNTS = frozenset({*COUNT_LIMITS, "minProperties", "maxProperties"})

NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})

TEXTS = frozenset({"minLength", "maxLength", "pattern", "format"})

LIMITS = {**COUNT_LIMITS, "multipleOf": 10_000}
"""Largest values of keywords for a grammar. That of a multiple of n has n states, which takes seconds at a million."""

LARGEST = 2**53
"""llguidance reads numbers as floating point, which takes whole ones for others from here on."""

LONG = 32
"""Bytes of a text from which on release 1.0.1 may drop some behind a character that JSON writes with a backslash."""

MAX_NAME_PATTERNS = 16
"""Largest number of patterns for the names of one object. With hundreds, each token takes seconds."""

RARE = frozenset({"patternProperties", "additionalProperties", "minProperties", "maxProperties"})
"""Keywords that llguidance enforces only in certain combinations. Without one of them, another may mean more."""


def prepared(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema for a grammar, without what no grammar has room for (`has_gap`).

    ``{}`` stands for any JSON object; as a schema it would allow every JSON value.
    """
    return with_described_alone({**Preparing().schema(schema or {"type": "object"}), "x-guidance": GUIDANCE})


def narrowed(schema: dict[str, Any], compiles: Compiles) -> dict[str, Any]:
    """Return a schema for a grammar without what `compiles` refuses. An answer may violate the original."""
    return {**Narrowing(compiles).schema(schema), "x-guidance": GUIDANCE | LENIENT}


class Preparing:
    """Copy a schema. Recursion is safe: the nesting of a schema is limited (`chat.schemas.checks`)."""

    def schema(self, value: Any) -> Any:
        """Return the copy of what may be a schema."""
        if isinstance(value, list):
            return [self.schema(item) for item in value]
        if not isinstance(value, dict):
            return value
        left_out = RARE if has_unclear_names(value) else frozenset[str]()
        kept = {key: item for key, item in value.items() if key not in left_out and self.keeps(key, item)}
        return with_pattern({key: self._inner(key, item) for key, item in kept.items()})

    def _inner(self, key: str, item: Any) -> Any:
        if key in NAMED and isinstance(item, dict):
            named = as_javascript if key == "patternProperties" else str
            return {named(name): self.schema(part) for name, part in item.items()}
        if key == "pattern" and isinstance(item, str):
            return as_javascript(item)
        # JSON has one kind of number; llguidance wants whole ones without a point.
        if key in COUNTS and isinstance(item, float) and item.is_integer():
            return int(item)
        return item if key in DATA else self.schema(item)

    def keeps(self, key: str, item: Any) -> bool:
        """Return whether a keyword stays."""
        if key == "x-guidance":  # a client's own would be obeyed
            return False
        if key == "format":
            return item in FORMATS or is_checked(item)
        return not (is_far(key, item) or is_unclear(key, item))


class Narrowing(Preparing):
    """Copy a schema without what a grammar cannot enforce."""

    def __init__(self, compiles: Compiles) -> None:
        self._compiles = compiles

    def schema(self, value: Any) -> Any:
        """Return the copy of what may be a schema."""
        found = super().schema(value)
        if not isinstance(found, dict):
            return found
        left_out: frozenset[str] = frozenset()
        if found.keys() & RARE and not self._compiles(object_only(found)):
            left_out |= RARE
        if "multipleOf" in found and not self._compiles(number_only(found)):
            left_out |= {"multipleOf"}
        if "pattern" in found and not self._compiles(text_only(found)):
            left_out |= {"pattern"}
        return {key: item for key, item in found.items() if key not in left_out}


def object_only(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a schema that is about objects, without what it says of the values in them."""
    found = {key: schema[key] for key in schema.keys() & {*RARE, "properties", "required"}}
    for key in ("properties", "patternProperties"):
        if isinstance(found.get(key), dict):
            found[key] = dict.fromkeys(found[key], True)
    return {**found, "type": "object"}


def number_only(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a schema that is about numbers."""
    return {"type": "number", **{key: schema[key] for key in schema.keys() & NUMBERS}}


def text_only(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a schema that is about texts."""
    return {"type": "string", **{key: schema[key] for key in schema.keys() & TEXTS}}


def has_gap(schema: dict[str, Any]) -> bool:
    """Return whether a grammar of the prepared schema allows answers that the original does not."""
    return any(is_leaky(part) or any(is_cut(key, item) for key, item in part.items()) for _, part in schemas(schema))


def is_leaky(schema: Mapping[str, Any]) -> bool:
    """Return whether llguidance takes a schema, and enforces less.

    Release 1.0.1 holds a described property to its own schema alone, and not also to that of a pattern of its name. It
    takes -0 for a number below zero.
    """
    named = bool(schema.get("properties") and schema.get("patternProperties"))
    return named or has_unclear_names(schema) or has_taken_format(schema) or takes_minus_zero(schema)


def takes_minus_zero(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema asks for a number below zero, which may be no whole one."""
    numbers = interval(schema)
    return numbers.high == 0 and numbers.high_open and schema.get("type") != "integer"


def has_unclear_names(schema: Mapping[str, Any]) -> bool:
    """Return whether the patterns for the names of an object are too many for a grammar, or unclear."""
    patterns = schema.get("patternProperties")
    return isinstance(patterns, dict) and (
        len(patterns) > MAX_NAME_PATTERNS or any(is_unclear("pattern", pattern) for pattern in patterns)
    )


def is_unclear(key: str, item: Any) -> bool:
    """Return whether llguidance and the validator may read the value of a keyword differently."""
    if key == "pattern":
        return isinstance(item, str) and (has_nested_class(item) or has_quoted_text(item))
    return key in ("const", "enum") and has_unclear_value(item)


def has_unclear_value(value: Any) -> bool:
    """Return whether a JSON value has a whole number or a text in it that llguidance takes for another one."""
    if isinstance(value, dict | list):
        return any(map(has_unclear_value, value.values() if isinstance(value, dict) else value))
    if isinstance(value, str):
        return len(value.encode()) >= LONG and ("\\" in json.dumps(value, ensure_ascii=False) or "\x7f" in value)
    return isinstance(value, int) and abs(value) > LARGEST


def is_cut(key: str, item: Any) -> bool:
    """Return whether what is left out may well be broken; most bounds are so far that no answer comes there."""
    if not is_far(key, item):
        return is_unclear(key, item)
    if key in NUMBERS:
        return not (item > 0 if key.lower().endswith("maximum") else item < 0)
    return key.startswith("min")


def is_far(key: str, item: Any) -> bool:
    """Return whether a bound is farther than a grammar can count."""
    if isinstance(item, bool) or not isinstance(item, int | float):
        return False
    return item > LIMITS.get(key, item) or (key in NUMBERS and abs(item) >= LARGEST)
