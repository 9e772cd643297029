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

_LOST_SEPARATOR = re.compile(rf"[{LOWER}](?=[{UPPER}][{LOWER}])")
_LOST_SEPARATOR_ASCII = re.compile(r"[a-z](?=[A-Z][a-z])")
_SENTENCE_END = re.compile(
    rf"[.!?\u2026\u061f\u06d4\u0964\u0589][\"'\u00bb\u201c\u201d\u2019)\]]*(?:\[\d+\])*(?: |(?=[{UPPER}][{LOWER}]))"
    r"|[\u3002\uff01\uff1f\uff1b][\u201d\u300d\u300f\uff09]*"
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


def cut_line(line: str, glue: str, role: Role) -> Iterable[Segment]:
    """Return the segments of a line or of a joined paragraph: it, or its sentences if it is long."""
    lost = _LOST_SEPARATOR_ASCII if line.isascii() else _LOST_SEPARATOR
    if len(line) <= MAX_UNCUT and not lost.search(line):
        return (Segment(line, glue, role),)
    joins = [match.end() for match in lost.finditer(line)]
    # A short line stays whole even with a full stop in it: an abbreviation is more likely than two sentences.
    ends = [match.end() for match in _SENTENCE_END.finditer(line)] if len(line) > MAX_UNCUT else []
    return cut_at(sorted({*ends, *joins}), line, glue, role)


def cut_at(ends: Iterable[int], line: str, glue: str, role: Role) -> Iterator[Segment]:
    """Yield the pieces of `line` up to each of `ends`; a piece that is too long is cut behind a blank."""
    start = 0
    for end in [*ends, len(line)]:
        while start < end:
            stop = min(end, start + MAX_SEGMENT)
            if stop < end:
                stop = line.rfind(" ", start + 1, stop) + 1 or stop
            piece = line[start:stop]
            if piece.strip():
                yield Segment(piece.strip(), glue, role)
            glue = " " if piece.endswith(" ") else ""
            start = stop
