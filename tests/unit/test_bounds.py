"""Every field of a request has a bound of its own, before any work is done on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import inspect

from tests.http.bodies import OPERATIONS, POSTS


def unbounded(kind: inspect.Type, where: str) -> Iterator[str]:
    """Yield the places in a type whose values have no bound; what is of any type is left to the code that reads it."""
    match kind:
        case inspect.StrType(max_length=None, pattern=None) | inspect.IntType(le=None, lt=None):
            yield where
        case inspect.ListType() | inspect.DictType():
            if kind.max_length is None:
                yield where
            yield from unbounded(kind.item_type if isinstance(kind, inspect.ListType) else kind.value_type, where)
        case inspect.UnionType():
            # An integer in the place of a text becomes a text, and the decoder takes no more than 4,300 digits.
            is_text = any(isinstance(each, inspect.StrType) for each in kind.types)
            for each in kind.types:
                if not (is_text and isinstance(each, inspect.IntType)):
                    yield from unbounded(each, where)


def structs(kind: Any, known: dict[type, inspect.StructType]) -> None:
    """Collect the structs that a type is made of."""
    if isinstance(kind, inspect.StructType) and kind.cls not in known:
        known[kind.cls] = kind
        for field in kind.fields:
            structs(field.type, known)
    for each in getattr(kind, "types", ()):
        structs(each, known)
    structs_inside = getattr(kind, "item_type", None) or getattr(kind, "value_type", None)
    if structs_inside is not None:
        structs(structs_inside, known)


@pytest.mark.parametrize("path", [path for path in POSTS if not path.startswith("/api/")])
def test_every_field_has_a_bound(path: str) -> None:
    found: dict[type, inspect.StructType] = {}
    structs(inspect.type_info(OPERATIONS["POST", path].request), found)
    fields = [(kind.cls.__name__, field) for kind in found.values() for field in kind.fields]
    assert [place for name, field in fields for place in unbounded(field.type, f"{name}.{field.name}")] == []
