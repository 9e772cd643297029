"""Decide which values to write: the admin's changes have priority over ours.

A value is written only while it is missing or still the one that this program wrote last. What an admin changed in the
browser stays, even if an upgrade brings another value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MISSING = object()
"""Stands for a key without a value, since None is a value."""


def changes(
    desired: Mapping[str, Any], current: Mapping[str, Any], applied: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the values to write, and the keys that keep the admin's value.

    `current` is what Open WebUI has, `applied` what this program wrote last.
    """
    changed, kept = {}, []
    for key, value in desired.items():
        existing = current.get(key, MISSING)
        if existing == value:
            continue
        if existing is MISSING or existing == applied.get(key, MISSING):
            changed[key] = value
        else:
            kept.append(key)
    return changed, kept


def applied_after(desired: Mapping[str, Any], kept: list[str], applied: Mapping[str, Any]) -> dict[str, Any]:
    """Return the next round's `applied`: the desired values, and for `kept` keys what was written before.

    So a kept key follows the desired value again once the admin restores the old one.
    """
    return {
        **{key: value for key, value in desired.items() if key not in kept},
        **{key: applied[key] for key in kept if key in applied},
    }
