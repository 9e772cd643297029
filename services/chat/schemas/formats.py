"""Say which formats of text a grammar enforces, and write those as patterns that llguidance reads otherwise. Pure.

A pattern allows no text that the validator refuses. It leaves out rare ones that are valid, such as leap seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jsonschema_rs

FORMATS = frozenset({"date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
"""Formats that llguidance knows."""

NO_FORMAT = "\0["
"""A text of no known format."""

_SEGMENT = r"([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})"
_AFTER_HOST = rf"(/{_SEGMENT}*)*"
_ABSOLUTE = rf"[A-Za-z][A-Za-z0-9+.-]*:(//[A-Za-z0-9.-]+(:[0-9]{{1,4}})?{_AFTER_HOST}|{_SEGMENT}+{_AFTER_HOST})"
_RELATIVE = rf"/?[A-Za-z0-9._~-]{_SEGMENT.replace(':', '')}*{_AFTER_HOST}|/"
_TAIL = rf"(\?({_SEGMENT}|[/?])*)?(#({_SEGMENT}|[/?])*)?"
_URI, _REFERENCE = f"({_ABSOLUTE}){_TAIL}", f"({_ABSOLUTE}|{_RELATIVE}){_TAIL}"
"""URIs without IPv6 addresses. llguidance does not know the format, and it is a common one."""

_LEAP_YEAR = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
_DATE = (
    "([0-9]{4}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|[0-9]{4}-(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    f"|[0-9]{{4}}-02-(0[1-9]|1[0-9]|2[0-8])|{_LEAP_YEAR}-02-29)"
)
"""llguidance allows the 29 February of any year."""

_HOUR = "([01][0-9]|2[0-3])"
_TIME = rf"{_HOUR}:[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,9}})?(Z|[+-]{_HOUR}:[0-5][0-9])"
"""llguidance allows a 60th second at any time of day."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
_EMAIL = rf"{_ATOM}(\.?{_ATOM}){{0,31}}@{_LABEL}(\.{_LABEL}){{1,5}}"
"""llguidance allows names of any length; 64 characters are valid."""

AS_PATTERN = MappingProxyType({
    name: f"^{pattern}$"
    for name, pattern in {
        "uri": _URI, "iri": _URI, "uri-reference": _REFERENCE, "iri-reference": _REFERENCE,
        "date": _DATE, "time": _TIME, "date-time": f"{_DATE}T{_TIME}", "email": _EMAIL,
    }.items()
})  # fmt: skip
"""Formats that a grammar enforces as a pattern, whose matches are all of the format."""


def with_pattern(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with the pattern of its format in place of the format, if there is one, and room for it."""
    pattern = pattern_of(schema)
    if not pattern or has_taken_format(schema):
        return schema
    rest = {key: item for key, item in schema.items() if key != "format"}
    return {**rest, "anyOf": [{"pattern": pattern}]} if "pattern" in rest else {**rest, "pattern": pattern}


def has_taken_format(schema: Mapping[str, Any]) -> bool:
    """Return whether the format of a schema has a pattern, and there is no room for it.

    A value that is given may be one of the rare ones, and another pattern may leave those alone.
    """
    if not pattern_of(schema):
        return False
    both = "pattern" in schema and (schema["format"] not in FORMATS or "anyOf" in schema)
    return both or "const" in schema or "enum" in schema


def pattern_of(schema: Mapping[str, Any]) -> str:
    """Return the pattern of a schema's format; empty if there is none."""
    name = schema.get("format")
    return AS_PATTERN.get(name, "") if isinstance(name, str) else ""


def is_checked(name: Any) -> bool:
    """Return whether the validator knows a format; it takes the others for notes, as the standard says."""
    if not isinstance(name, str):
        return False
    return not jsonschema_rs.validator_for({"format": name}, validate_formats=True).is_valid(NO_FORMAT)
