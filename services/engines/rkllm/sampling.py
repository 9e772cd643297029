"""Translate sampling parameters to librkllmrt's. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULTS: Mapping[str, float] = {
    "top_k": 40,
    "top_p": 0.9,
    "temperature": 0.8,
    "repeat_penalty": 1.1,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "mirostat": 0,
    "mirostat_tau": 5.0,
    "mirostat_eta": 0.1,
}
"""All there is, with the defaults of Rockchip's manual."""

NO_TOP_K = 1000
"""For ``top_k: 0``, which means no cut elsewhere: more candidates than that are never likely."""

LEAST_TOP_P = 0.01
"""For ``top_p: 0``: the top token alone."""


def effective(wanted: Mapping[str, float], defaults: Mapping[str, float]) -> dict[str, float]:
    """Return `wanted` where it has a value, else `defaults`, in values the library takes."""
    values = {name: wanted.get(name, default) for name, default in defaults.items()}
    # Temperature 0 asks for the most likely token, and top_k 1 leaves no other.
    if values["temperature"] == 0:
        values["top_k"] = 1
    values["top_k"] = int(values["top_k"]) or NO_TOP_K
    values["top_p"] = max(values["top_p"], LEAST_TOP_P)
    return values
