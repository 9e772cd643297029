"""Keep text that looks like a control token of a model text. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

LONGEST = 32
"""Characters of a control token that are compared. Of a longer one its beginning is enough, and bounds the work."""


def beginnings(tokens: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern for the first character of each place in a text that is one of `tokens`; None without tokens.

    It finds places that overlap, and reads a text once, however many tokens there are. Tokens of one character are
    left out: nothing can stand inside them.
    """
    tails: dict[str, set[str]] = {}
    for token in tokens:
        if len(token) > 1:
            tails.setdefault(token[0], set()).add(token[1:LONGEST])
    places = (f"{re.escape(head)}(?={alternatives(rest)})" for head, rest in sorted(tails.items()))
    return re.compile("|".join(places)) if tails else None


def alternatives(words: set[str]) -> str:
    """Return a pattern for the shortest of `words` at a place; those that begin alike share their beginning."""
    if "" in words:
        return ""
    tails: dict[str, set[str]] = {}
    for word in words:
        tails.setdefault(word[0], set()).add(word[1:])
    branches = [re.escape(head) + alternatives(rest) for head, rest in sorted(tails.items())]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def broken(value: Any, places: re.Pattern[str] | None, filler: str) -> Any:
    """Return `value` with `filler` behind each of `places` in its texts, names of fields too."""
    return value if places is None else mapped(value, lambda text: places.sub(rf"\g<0>{filler}", text))


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return `value` with every string in it changed, names of fields too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): mapped(item, change) for key, item in value.items()}
    return [mapped(item, change) for item in value] if isinstance(value, list | tuple) else value
