"""Define the segments of a text, and cut lines to them: sentences, and texts that lost their separator."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from services.chat.rag.headings import Heading
from services.chat.rag.words import char_class

Role = Literal["prose", "heading", "row", "item", "code", "page"]
"""What a segment is: a row of a table; code, logs and data line by line; or the mark of a page."""

MAX_UNCUT = 160
"""Characters up to which a line stays whole; a longer one is cut into sentences."""

MAX_SEGMENT = 500
"""Characters at which a segment without sentence ends is cut, if possible behind a blank."""

UPPER = "A-Z" + char_class(str.isupper)
"""Upper-case letters of all alphabets, for a character class."""
LOWER = "a-z" + char_class(str.islower)
"""Lower-case letters of all alphabets, for a character class."""

# A search for a class of characters is several times faster than one for a choice, or for what is on most places.
_LOST_SEPARATOR = re.compile(rf"[{UPPER}](?<=[{LOWER}][{UPPER}])(?=[{LOWER}])")
_LOST_SEPARATOR_ASCII = re.compile(r"[A-Z](?<=[a-z][A-Z])(?=[a-z])")
_WIDE_STOPS = "\u3002\uff01\uff1f\uff1b"
_SENTENCE_END = re.compile(
    rf"[.!?\u2026\u061f\u06d4\u0964\u0589{_WIDE_STOPS}]"
    rf"(?:(?<=[{_WIDE_STOPS}])[\u201d\u300d\u300f\uff09]*"
    rf"|(?<![{_WIDE_STOPS}])[\"'\u00bb\u201c\u201d\u2019)\]]*(?:\[\d+\])*(?: |(?=[{UPPER}][{LOWER}])))"
)


class Segment(NamedTuple):
    """A piece of a text."""

    text: str
    glue: str
    """What stood before it: a line end, a page end, a blank, or nothing."""
    role: Role = "prose"
    heading: Heading | None = None
    """What it says if it is a heading."""


def join(parts: Iterable[Segment]) -> str:
    """Return one text of `parts`, with the separators that they had."""
    return "".join(part.glue + part.text for part in parts).replace("\f", "\n").strip()


def cut_text(whole: Segment) -> Iterable[Segment]:
    """Return the segments of a line or of a joined paragraph: it, or its sentences if it is long."""
    text = whole.text
    lost = _LOST_SEPARATOR_ASCII if text.isascii() else _LOST_SEPARATOR
    joins = [match.start() for match in lost.finditer(text)]
    # A short line stays whole even with a full stop in it: an abbreviation is more likely than two sentences.
    if len(text) > MAX_UNCUT:
        return cut_at(sorted({*joins, *(match.end() for match in _SENTENCE_END.finditer(text))}), whole)
    return cut_at(joins, whole) if joins else (whole,)


def cut_at(ends: Iterable[int], whole: Segment) -> Iterator[Segment]:
    """Yield the pieces of a text up to each of `ends`; a piece that is too long is cut behind a blank."""
    text, glue, role, heading = whole
    start = 0
    for end in (*ends, len(text)):
        while start < end:
            stop = min(end, start + MAX_SEGMENT)
            if stop < end:
                stop = text.rfind(" ", start + 1, stop) + 1 or stop
            piece = text[start:stop]
            if stripped := piece.strip():
                yield Segment(stripped, glue, role, heading)
            glue = " " if piece.endswith(" ") else ""
            start = stop
