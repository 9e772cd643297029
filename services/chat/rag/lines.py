"""Read the lines of a text: without superfluous blanks, and without data that no model can read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from services.chat.rag.pace import do_nothing, lightly_paced
from services.chat.rag.words import EAST_ASIAN, EAST_ASIAN_SIGNS

MAX_LINE_BLOCK = 8192
"""Characters of one line that are processed together: the regular expressions on one line of 200 KB would block
others."""

MAX_WORD = 200
"""Characters from which a run of letters and digits without a blank counts as encoded data."""

MIN_ENCODED = 60
"""Characters from which this is so for a whole line with digits, small letters and capitals."""

RECORDS = ("[", "{", "<")
"""What a line begins with that may have many of them."""

LEFT_OUT = "[\u2026]"
"""What stands in the place of encoded data."""

_COLUMN_GAP = re.compile(r"\s{2,}|\t")
_REMOVABLE_BLANK = re.compile(
    rf" (?:(?<=[{EAST_ASIAN}] )(?=[{EAST_ASIAN}\d])|(?<=\d )(?=[{EAST_ASIAN}])"
    rf"|(?<=[{EAST_ASIAN_SIGNS}] )|(?=[{EAST_ASIAN_SIGNS}]))"
)
"""A blank inside Chinese or Japanese text. Markup left it there; it splits words and costs a token."""
_has_east_asian = re.compile(rf"[{EAST_ASIAN}]").search
_RUN = re.compile(rf"(?<![\w+/=-])(?:data:[\w/+.;=-]{{1,99}},)?[\w+/=-]{{{MAX_WORD},}}", re.ASCII)
_BETWEEN_RECORDS = re.compile(r"(?<=\},)\s?(?=\{)|(?<=</tr>)(?=<tr)")
"""The place between two objects of JSON, or two rows of HTML, in one line."""
_OTHER_SIGN = re.compile(r"[^\w+/-]", re.ASCII)
"""A character that encoded data does not have, but for the signs at its end."""
_MIXED = tuple(map(re.compile, ("[0-9]", "[A-Z]", "[a-z]")))
"""What base64 has within a line."""


class Line(NamedTuple):
    """A line that is not empty."""

    text: str
    """Its text, with single blanks."""
    glue: str
    """What stands before it: a line end, a page end, or nothing if it is the next part of a very long line."""
    gap: bool
    """Whether there is an empty line before it, or nothing."""
    indent: int
    """Blanks before it."""
    wide: str
    """Its text with the gaps between columns, as two blanks or a tab; empty if it has none."""
    left_out: int
    """Characters of encoded data that were in it."""


def read_lines(text: str, give_way: Callable[[], None] = do_nothing) -> Iterator[Line]:
    """Yield the lines of `text`, at most `MAX_LINE_BLOCK` characters long each. Gives way between long and empty ones."""
    gap, glue, encoded = True, "\n", False
    for raw in lightly_paced(_raw_lines(text), give_way):
        stripped = raw.strip()
        if stripped:
            was_encoded, encoded = encoded, _is_encoded(stripped, encoded)
            indent = len(raw) - len(raw.lstrip()) if raw[0].isspace() else 0
            if encoded:
                yield Line("" if was_encoded else LEFT_OUT, glue, gap, 0, "", len(stripped))
            elif len(stripped) < MAX_WORD:
                yield Line(one_blank(stripped), glue, gap, indent, _wide(stripped), 0)
            else:
                yield from _long_line(stripped, glue, gap, indent)
        gap, glue = not stripped, "\n" if stripped else glue
        if "\f" in raw:
            glue = "\f"


def _raw_lines(text: str) -> Iterator[str]:
    """Yield the lines of `text` with their ends, and each record of a line that has many.

    Splitting all of a large text at once would block others.
    """
    start = 0
    while start < len(text):
        end = text.find("\n", start + MAX_LINE_BLOCK) + 1 or len(text)
        for line in text[start:end].splitlines(keepends=True):
            has_records = len(line) > MAX_WORD and line.lstrip().startswith(RECORDS)
            yield from _BETWEEN_RECORDS.split(line) if has_records else (line,)
        start = end


def _is_encoded(line: str, goes_on: bool) -> bool:
    """Return whether `line` is encoded data; `goes_on` says that the line before it was."""
    if " " in line or _OTHER_SIGN.search(line.rstrip("=")):
        return False
    return goes_on or (len(line) >= MIN_ENCODED and all(sign.search(line) for sign in _MIXED))


def _long_line(line: str, glue: str, gap: bool, indent: int) -> Iterator[Line]:
    """Yield the parts of a long line, without encoded data."""
    for start in range(0, len(line), MAX_LINE_BLOCK):
        block = line[start : start + MAX_LINE_BLOCK]
        piece = _RUN.sub(_without_data, block) if max(map(len, block.split()), default=0) >= MAX_WORD else block
        if narrow := one_blank(piece):
            yield Line(narrow, glue, gap, indent, _wide(piece), len(block) - len(piece))
            glue, gap = "", False


def _wide(text: str) -> str:
    return _COLUMN_GAP.sub(_column_gap, text) if "  " in text or "\t" in text else ""


def one_blank(text: str) -> str:
    """Return `text` with single blanks, and with none inside Chinese or Japanese text."""
    if text.isascii():
        return " ".join(text.split()) if "  " in text or "\t" in text else text
    narrow = " ".join(text.split())
    return _REMOVABLE_BLANK.sub("", narrow) if _has_east_asian(narrow) else narrow


def _column_gap(match: re.Match[str]) -> str:
    return "\t" if "\t" in match[0] else "  "


def _without_data(match: re.Match[str]) -> str:
    run = match[0]
    return LEFT_OUT if any(map(str.isdigit, run)) and any(map(str.isalpha, run)) else run
