"""Read a text as it was laid out: headings, paragraphs, lists, tables, code.

Hard-wrapped paragraphs are joined before they are cut into sentences. Rows of tables, code, logs and data stay line by
line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from services.chat.rag.headings import MAX_HEADING, is_short, title_heading
from services.chat.rag.lines import Line, read_lines
from services.chat.rag.pace import do_nothing, lightly_paced, paced
from services.chat.rag.paragraphs import find_continuations, joined
from services.chat.rag.roles import LineRole, find_roles
from services.chat.rag.segments import Segment, cut_at, cut_text
from services.chat.rag.tables import find_records, row_text

MAX_JOINED = 64
"""Lines that are joined at most: longer paragraphs would block others."""

MAX_INDENT = 16
"""Blanks before a line of code that are kept."""

MIN_BODY = 80
"""Characters of a paragraph below a line that is taken for its heading only because it stands alone."""


class Layout(NamedTuple):
    """A text in segments."""

    segments: list[Segment]
    left_out: int
    """Characters of encoded data that are not in them."""


def read_layout(text: str, give_way: Callable[[], None] = do_nothing) -> Layout:
    """Return the segments of `text` in order; joined with their glue they are `text` without superfluous blanks.

    Calls `give_way` every few milliseconds.
    """
    read = list(paced(read_lines(text, give_way), give_way))
    lines = [line for line in lightly_paced(read, give_way) if line.text]
    cut = chain.from_iterable(map(_cut, _units(lines, give_way)))
    return Layout(list(paced(cut, give_way)), sum(line.left_out for line in lightly_paced(read, give_way)))


def _cut(unit: Segment) -> Iterable[Segment]:
    """Return the segments of `unit`. Of a heading and its paragraph on one line, the heading comes first."""
    text, glue, role, heading = unit
    if heading and len(text) > MAX_HEADING and heading.size:
        head = Segment(text[: heading.size].strip(), glue, "heading", heading)
        return (head, *cut_text(Segment(text[heading.size :].strip(), " ")))
    return cut_text(unit) if role in {"prose", "item"} else cut_at((), unit)


def _units(lines: Sequence[Line], give_way: Callable[[], None]) -> Iterator[Segment]:
    """Yield the units of `lines`: a paragraph, a heading, an item, a row or a line of code."""
    roles = find_roles(lines, give_way)
    goes_on = find_continuations(lines, roles, give_way)
    pairs = lightly_paced(zip(roles, goes_on, strict=True), give_way)
    records = find_records(lines, [role.role == "prose" and not on for role, on in pairs], give_way)
    titled = not any(role.heading and role.heading.is_markdown for role in lightly_paced(roles, give_way))
    for start, end in _spans(lines, goes_on, records):
        line, role = lines[start], roles[start]
        if role.hidden:
            continue
        if start in records:
            yield Segment(row_text("\n".join(each.text for each in lines[start:end])), line.glue, "row")
        elif titled and line.gap and end - start == 1 and _is_title(lines, roles, goes_on, start):
            yield Segment(line.text, line.glue, "heading", title_heading(line.text))
        else:
            # The indentation of code says what belongs together.
            indent = " " * min(line.indent, MAX_INDENT) if role.role == "code" else ""
            yield Segment(_text(lines[start:end], role), line.glue + indent, role.role, role.heading)


def _spans(lines: Sequence[Line], goes_on: Sequence[bool], records: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the next index of the lines of each unit."""
    start = 0
    for end in range(1, len(lines) + 1):
        inside = end < len(lines) and (goes_on[end] if end >= records.get(start, start) else True)
        if not inside or end - start == MAX_JOINED:
            yield start, end
            start = end


def _text(lines: Sequence[Line], role: LineRole) -> str:
    if role.role == "row":
        return row_text(lines[0].wide or lines[0].text)
    return joined([line.text for line in lines]) if len(lines) > 1 else lines[0].text


def _is_title(lines: Sequence[Line], roles: Sequence[LineRole], goes_on: Sequence[bool], index: int) -> bool:
    """Return whether a line behind an empty one is a heading only by standing alone above a paragraph."""
    line = lines[index]
    if roles[index].role != "prose" or index + 1 == len(lines) or not lines[index + 1].gap:
        return False
    below, text = roles[index + 1], line.text.strip("*_ ")
    if not text or not is_short(text) or not any(map(str.isalpha, text)):
        return False
    long = len(lines[index + 1].text) >= MIN_BODY or goes_on[index + 2 : index + 3] == [True]
    return below.role != "prose" or long
