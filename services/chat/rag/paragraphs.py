"""Find the lines that go on the paragraph before them, in texts whose lines were broken at a width."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from services.chat.rag.lines import Line
from services.chat.rag.pace import lightly_paced
from services.chat.rag.roles import BULLETS, SENTENCE_ENDS, LineRole
from services.chat.rag.words import EAST_ASIAN

MIN_WIDTH, MAX_WIDTH = 40, 130
"""Characters of a line from and up to which text counts as broken at a width; Chinese characters
count twice."""

RAGGED, RAGGED_EAST_ASIAN = 12, 4
"""Sizes by which the lines of such a text differ, mostly: the word that did not fit, or a sign that may not begin a
line."""

WRAPPED_SHARE = 0.6
"""Share of lines with another line below them that have about the same length, 0 to 1, from which a text counts as
broken at this length."""

FULL_SHARE = 0.8
"""Share of such lines between `MIN_WIDTH` and `MAX_WIDTH` from which a text counts as broken at no certain width."""

MAX_ENDED = 0.5
"""Share of lines that end a sentence, 0 to 1, above which each line is a paragraph of its own."""

MIN_WRAPPED = 6
"""Number of lines from which this can be said."""

TOLERANCE = 3
"""Characters by which a line may have been shorter than the width although the next word would have fitted."""

_is_east_asian = re.compile(rf"[{EAST_ASIAN}]").match
_JOINABLE = frozenset({"prose", "item", "heading"})


class Breaks(NamedTuple):
    """How the lines of a text were broken."""

    width: int
    """The size at which they were; 0 if there is no certain one."""
    anywhere: bool
    """Whether they were, at whatever sizes."""


def find_continuations(lines: Sequence[Line], roles: Sequence[LineRole], give_way: Callable[[], None]) -> list[bool]:
    """Return of each line whether it goes on the one before it."""
    pairs = [
        index
        for index in lightly_paced(range(1, len(lines)), give_way)
        if not lines[index].gap and roles[index].role in _JOINABLE and roles[index - 1].role in _JOINABLE
    ]
    breaks = _breaks([lines[index - 1] for index in lightly_paced(pairs, give_way)], give_way)
    goes_on = [False] * len(lines)
    for index in lightly_paced(pairs, give_way):
        goes_on[index] = _goes_on(lines, roles, index, breaks)
    return goes_on


def joined(texts: Sequence[str]) -> str:
    """Return one paragraph of its lines. A word that was divided stays together, with its hyphen."""
    parts = [texts[0]]
    for before, text in pairwise(texts):
        divided = before.endswith("-") and text[0].islower()
        tight = divided or (_is_east_asian(before[-1]) and _is_east_asian(text))
        parts += ["" if tight else " ", text]
    return "".join(parts)


def _breaks(upper: Sequence[Line], give_way: Callable[[], None]) -> Breaks:
    """Return how lines were broken, from the `upper` ones, which have another one below them."""
    ended = sum(line.text.endswith(SENTENCE_ENDS) for line in lightly_paced(upper, give_way))
    if len(upper) < MIN_WRAPPED or ended > MAX_ENDED * len(upper):
        return Breaks(0, anywhere=False)
    sizes = Counter(_size(line) for line in lightly_paced(upper, give_way))
    wide = sum(bool(_is_east_asian(line.text)) for line in lightly_paced(upper, give_way)) > len(upper) / 2
    anywhere = _share(sizes, range(MIN_WIDTH, MAX_WIDTH + 1)) >= FULL_SHARE
    return Breaks(_width(sizes, RAGGED_EAST_ASIAN if wide else RAGGED), anywhere)


def _width(sizes: Counter[int], ragged: int) -> int:
    """Return the size at which most lines of these `sizes` were broken; 0 if they were not."""
    tops = [size for size in sizes if MIN_WIDTH <= size <= MAX_WIDTH]
    shares = {top: _share(sizes, range(top - ragged, top + 1)) for top in sorted(tops, reverse=True)}
    # The first of equal ones is the largest: the words that did not fit are below it.
    best = max(shares, key=shares.__getitem__, default=0)
    return best if shares.get(best, 0.0) >= WRAPPED_SHARE else 0


def _share(sizes: Counter[int], near: range) -> float:
    """Return the share of lines whose size is in `near`, 0 to 1."""
    return sum(sizes[size] for size in near) / sizes.total()


def _goes_on(lines: Sequence[Line], roles: Sequence[LineRole], index: int, breaks: Breaks) -> bool:
    """Return whether the line with the `index` goes on the one before it, which no empty line separates from it."""
    before, line = lines[index - 1], lines[index]
    role_before, role = roles[index - 1], roles[index]
    deeper = line.indent > before.indent and role_before.role != "item"
    if deeper or role.role == "heading" or (role_before.heading and not role_before.heading.may_go_on):
        return False
    width = breaks.width
    full = width and width - TOLERANCE < _size(before) + 1 + _first_word(line) and _size(before) <= width + TOLERANCE
    open_end = not before.text.endswith(SENTENCE_ENDS)
    if role.role == "item":
        return bool(full and open_end and line.text[0] not in BULLETS)
    first = line.text[0]
    # Scripts without small letters show it only where the whole text was broken.
    begins_inside = first.islower() or (breaks.anywhere and first.isalpha() and not first.isupper())
    return bool(full) or (open_end and begins_inside and MIN_WIDTH <= _size(before) <= MAX_WIDTH)


def _size(line: Line) -> int:
    """Return the characters of `line`; those of Chinese and Japanese are twice as wide."""
    return len(line.text) * (2 if _is_east_asian(line.text) else 1)


def _first_word(line: Line) -> int:
    """Return the size of what had to fit into the line before."""
    return 2 if _is_east_asian(line.text) else len(line.text.partition(" ")[0])
