"""Turn whole numbers that were written as floats (``4096.0``, ``1e3``) into integers where a type asks for integers.

JSON has one kind of number, and some clients write every number as a float. The type decides, so that the floats in
free JSON (schemas, arguments, metadata) stay what they are.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from msgspec import inspect

MOST_VALUES = 50_000
"""The most values that are looked at. The rest stays as it is, so that no body costs a long loop; nobody writes so many
token ids as floats."""


def with_whole_numbers(value: Any, kind: Any) -> Any:
    """Return decoded JSON with integers where the type `kind` asks for them; lists and objects are changed in place."""
    return _Walk(MOST_VALUES).mended(value, _type_info(kind))


_type_info = cache(inspect.type_info)


class _Walk:
    """A walk through a value and its type at once, which ends after so many values."""

    def __init__(self, left: int) -> None:
        self._left = left

    def mended(self, value: Any, kind: inspect.Type) -> Any:
        """Return the value, mended."""
        self._left -= 1
        if isinstance(value, float):
            return int(value) if value.is_integer() and _asks_for_integer(kind) else value
        for each in _members(kind):
            if isinstance(value, list) and isinstance(each, inspect.CollectionType):
                self._mend_list(value, each.item_type)
            elif isinstance(value, dict):
                self._mend_object(value, each)
        return value

    def _mend_list(self, items: list[Any], kind: inspect.Type) -> None:
        for index, item in enumerate(items):
            if self._left <= 0:
                break
            items[index] = self.mended(item, kind)

    def _mend_object(self, found: dict[str, Any], kind: inspect.Type) -> None:
        if isinstance(kind, inspect.DictType) and not isinstance(kind.value_type, inspect.AnyType):
            for key in list(found)[: max(0, self._left)]:
                found[key] = self.mended(found[key], kind.value_type)
        elif isinstance(kind, inspect.StructType) and (kind.tag_field is None or found.get(kind.tag_field) == kind.tag):
            for field in kind.fields:
                if field.encode_name in found:
                    found[field.encode_name] = self.mended(found[field.encode_name], field.type)


def _asks_for_integer(kind: inspect.Type) -> bool:
    members = _members(kind)
    floats = any(isinstance(each, inspect.FloatType | inspect.AnyType) for each in members)
    return not floats and any(isinstance(each, inspect.IntType) for each in members)


def _members(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """Return the members of a union and of the unions in it, or the type alone."""
    if isinstance(kind, inspect.Metadata):
        return _members(kind.type)
    if isinstance(kind, inspect.UnionType):
        return tuple(member for each in kind.types for member in _members(each))
    return (kind,)
