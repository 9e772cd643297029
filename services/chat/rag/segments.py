"""Text as it arrives from a page, cut into lines, sentences, and texts that a lost separator glued together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from services.chat.rag.words import EAST_ASIAN, EAST_ASIAN_SIGNS, char_class

LONG = 160
"""Characters from which on a line is cut into sentences; a shorter one is a unit anyway."""

LONGEST = 500
"""Characters at which a segment without any sentence end is cut, after a blank where there is one."""

BLOCK = 8192
"""Characters of one line that are looked at in one go: 200 KB on one line must not hold up others."""

UPPER = "A-Z" + char_class(str.isupper)
LOWER = "a-z" + char_class(str.islower)

_SPACE = re.compile(r"\s+")
_IDLE_BLANK = re.compile(
    rf" (?:(?<=[{EAST_ASIAN}] )(?=[{EAST_ASIAN}\d])|(?<=\d )(?=[{EAST_ASIAN}])"
    rf"|(?<=[{EAST_ASIAN_SIGNS}] )|(?=[{EAST_ASIAN_SIGNS}]))"
)
"""A blank in Chinese or Japanese: left behind by markup, it parts words that belong together and costs a token."""
_JOIN = re.compile(rf"[{LOWER}](?=[{UPPER}][{LOWER}])")
_END = re.compile(
    rf"[.!?\u2026\u061f\u06d4\u0964\u0589][\"'\u00bb\u201c\u201d\u2019)\]]*(?:\[\d+\])*(?: |(?=[{UPPER}][{LOWER}]))"
    r"|[\u3002\uff01\uff1f\uff1b][\u201d\u300d\u300f\uff09]*"
)


class Segment(NamedTuple):
    """A piece of a text."""

    text: str
    glue: str
    """What stood before it: a line end, a blank, or nothing."""
    joins: int
    """How often two texts met without a separator in its line (``KommentarAntworten``)."""


def segments(text: str) -> Iterator[Segment]:
    """The segments of `text` in order; joined with their glue they are the text without blanks that say nothing."""
    for line, glue in _lines(text):
        joins = [match.end() for match in _JOIN.finditer(line)]
        if len(line) <= LONG and not joins:
            yield Segment(line, glue, 0)
        else:
            yield from _cut(line, glue, joins)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Lines without blanks around, at most `BLOCK` characters long, each with what stood before it."""
    for raw in text.splitlines():
        for start in range(0, len(raw), BLOCK):
            line = _SPACE.sub(" ", raw[start : start + BLOCK]).strip()
            line = line if line.isascii() else _IDLE_BLANK.sub("", line)
            if line:
                yield line, "" if start else "\n"


def _cut(line: str, glue: str, joins: list[int]) -> Iterator[Segment]:
    ends = [match.end() for match in _END.finditer(line)] if len(line) > LONG else []
    start = 0
    for end in [*sorted({*ends, *joins}), len(line)]:
        while start < end:
            stop = min(end, start + LONGEST)
            if stop < end:
                stop = line.rfind(" ", start + 1, stop) + 1 or stop
            piece = line[start:stop]
            if piece.strip():
                yield Segment(piece.strip(), glue, len(joins))
            glue = " " if piece.endswith(" ") else ""
            start = stop
