"""Keep text of strangers from passing for a part of the prompt: for the label of a source, or for a tag.

The text stays readable: ``[2]`` at the beginning of a line becomes ``(2)``, and the first character of a tag becomes a
quotation mark of the same form. What else a line says remains, also "ignore the sources": that it is information is said
before the sources, and the task stands behind them.
"""

from __future__ import annotations

import re

_LINE_ENDS = "\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
"""What ends a line somewhere: in Python, in a terminal, in Unicode."""

_FILLERS = "\u115f\u1160\u3164\uffa0"
"""Letters of Korean without a form."""

_IGNORABLE = f" \t\u00a0\u00ad\u061c\u180e\u2000-\u200f\u202a-\u202f\u205f-\u206f\u3000\ufe00-\ufe0f\ufeff{_FILLERS}"
"""Blanks, and characters without a form or that only set the direction of the text."""

_OPENERS, _CLOSERS = "[［【〔〖⟦⁅", "\\]］】〕〗⟧⁆"
"""Square brackets, and those that look like them."""

_DIGIT = r"\d\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089"
"""Digits, also raised and lowered ones."""

_LABEL = re.compile(
    rf"(?<![^{_LINE_ENDS}])(?:[{_IGNORABLE}]{{0,8}}(?:\w[{_IGNORABLE}]{{0,4}}){{1,3}}[.)])?(?:[^\w{_LINE_ENDS}]|[{_FILLERS}])*"
    rf"[{_DIGIT}][{_DIGIT}{_IGNORABLE}]{{0,15}}[{_CLOSERS}]"
)
"""The beginning of a line up to a number and a closing bracket; in front of it there are only bullets and other signs.

A list's own number or letter may stand first. Each line is read once, since only its beginning can match."""

_OPENING = frozenset(_OPENERS)
_BRACKETS = str.maketrans({**dict.fromkeys(_OPENERS, "("), **dict.fromkeys(_CLOSERS.removeprefix("\\"), ")")})

_TAG = re.compile(
    rf"[<＜﹤](?=[{_IGNORABLE}{_LINE_ENDS}]{{0,8}}/?[{_IGNORABLE}{_LINE_ENDS}]{{0,8}}"
    rf"(?:sources?|context|user_query|chat_history)(?![^\W{_FILLERS}]|[:.-]\w))",
    re.IGNORECASE,
)
"""The beginning of a tag that a prompt or a template has around sources, the question or the conversation."""


def fence_text(text: str) -> str:
    """Return `text` without labels of sources and without tags of a prompt."""
    return _TAG.sub("‹", _LABEL.sub(_rounded, text))


def _rounded(found: re.Match[str]) -> str:
    """Return the label with round brackets; without an opening one it is none."""
    return found[0].translate(_BRACKETS) if not _OPENING.isdisjoint(found[0]) else found[0]


def fence_line(text: str) -> str:
    """Return `text` in one line, without square brackets and without tags, for a place inside of a label."""
    return _TAG.sub("‹", " ".join(text.split()).translate(_BRACKETS))
