"""Cut the text of a page into segments: lines, sentences of long lines, and texts that lost their separator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from services.chat.rag.words import EAST_ASIAN, EAST_ASIAN_SIGNS, char_class

MAX_UNCUT = 160
"""Characters up to which a line stays whole; a longer one is cut into sentences."""

MAX_SEGMENT = 500
"""Characters at which a segment without sentence ends is cut, if possible behind a blank."""

MAX_LINE_BLOCK = 8192
"""Characters of one line that are processed together: the regular expressions on one line of 200 KB would block
others."""

UPPER = "A-Z" + char_class(str.isupper)
"""Upper-case letters of all alphabets, for a character class."""
LOWER = "a-z" + char_class(str.islower)
"""Lower-case letters of all alphabets, for a character class."""

_SPACE = re.compile(r"\s+")
_REMOVABLE_BLANK = re.compile(
    rf" (?:(?<=[{EAST_ASIAN}] )(?=[{EAST_ASIAN}\d])|(?<=\d )(?=[{EAST_ASIAN}])"
    rf"|(?<=[{EAST_ASIAN_SIGNS}] )|(?=[{EAST_ASIAN_SIGNS}]))"
)
"""A blank inside Chinese or Japanese text. Markup left it there; it splits words and costs a token."""
_LOST_SEPARATOR = re.compile(rf"[{LOWER}](?=[{UPPER}][{LOWER}])")
_SENTENCE_END = re.compile(
    rf"[.!?\u2026\u061f\u06d4\u0964\u0589][\"'\u00bb\u201c\u201d\u2019)\]]*(?:\[\d+\])*(?: |(?=[{UPPER}][{LOWER}]))"
    r"|[\u3002\uff01\uff1f\uff1b][\u201d\u300d\u300f\uff09]*"
)


class Segment(NamedTuple):
    """A piece of a page's text."""

    text: str
    glue: str
    """What stood before it: a line end, a blank, or nothing."""
    joins: int
    """How often two texts met without a separator in its line (``KommentarAntworten``)."""


def segments(text: str) -> Iterator[Segment]:
    """Yield the segments of `text` in order; joined with their glue they are `text` without superfluous blanks."""
    for line, glue in _lines(text):
        joins = [match.end() for match in _LOST_SEPARATOR.finditer(line)]
        if len(line) <= MAX_UNCUT and not joins:
            yield Segment(line, glue, 0)
        else:
            yield from _cut(line, glue, joins)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield each line, at most `MAX_LINE_BLOCK` characters long, and what stood before it."""
    for raw in text.splitlines():
        for start in range(0, len(raw), MAX_LINE_BLOCK):
            line = _SPACE.sub(" ", raw[start : start + MAX_LINE_BLOCK]).strip()
            line = line if line.isascii() else _REMOVABLE_BLANK.sub("", line)
            if line:
                yield line, "" if start else "\n"


def _cut(line: str, glue: str, joins: list[int]) -> Iterator[Segment]:
    # A short line stays whole even with a full stop in it: an abbreviation is more likely than two sentences.
    ends = [match.end() for match in _SENTENCE_END.finditer(line)] if len(line) > MAX_UNCUT else []
    start = 0
    for end in [*sorted({*ends, *joins}), len(line)]:
        while start < end:
            stop = min(end, start + MAX_SEGMENT)
            if stop < end:
                stop = line.rfind(" ", start + 1, stop) + 1 or stop
            piece = line[start:stop]
            if piece.strip():
                yield Segment(piece.strip(), glue, len(joins))
            glue = " " if piece.endswith(" ") else ""
            start = stop
