"""Whose word counts: the box's or the admin's.

A value is changed only while it is missing or still what this program set last. What an admin changed in the browser is
left alone, also over upgrades that want another value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MISSING = object()


def changes(
    desired: Mapping[str, Any], current: Mapping[str, Any], applied: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """What to set, and the keys that stay as the admin wants them.

    `current` is what Open WebUI has, `applied` what was set last time.
    """
    wanted, kept = {}, []
    for key, value in desired.items():
        found = current.get(key, MISSING)
        if found == value:
            continue
        if found is MISSING or found == applied.get(key, MISSING):
            wanted[key] = value
        else:
            kept.append(key)
    return wanted, kept


def remembered(desired: Mapping[str, Any], kept: list[str], applied: Mapping[str, Any]) -> dict[str, Any]:
    """What was set last, after a round: the new values, and for kept keys what was set before the admin came."""
    return {
        **{key: value for key, value in desired.items() if key not in kept},
        **{key: applied[key] for key in kept if key in applied},
    }
