"""Find the rows of tables: Markdown, CSV, tabs, columns aligned by blanks, and one cell a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise

from services.chat.rag.lines import Line
from services.chat.rag.pace import lightly_paced

MIN_ROWS = {"|": 1, "\t": 2, " ": 3, ",": 3, ";": 3}
"""Lines in a row from which they are a table, by what separates their cells: prose has commas too."""

MAX_CELL = 80
"""Characters of the longest cell that has a line of its own."""

MIN_RECORDS = 3
"""Groups with the same number of lines from which they are the rows of a table, with each cell on a line."""

MAX_CELLS = 12
"""Cells of the longest such row."""

MAX_GROUP = 500
"""Lines of the longest group in which rows are looked for."""

_GAP = re.compile(r"[^\s.!?:]  \S")
"""A gap between two columns; the two blanks behind a sentence are none."""
_NO_RULE = re.compile(r"[^\s|:+=_*~\u2500-\u257f.-]")
_DIGIT = re.compile(r"\d")


def is_rule(line: str) -> bool:
    """Return whether `line` only draws one."""
    return len(line) > 2 and not _NO_RULE.search(line)


def find_rows(lines: Sequence[Line], give_way: Callable[[], None]) -> list[str]:
    """Return for each line what separates its cells if it is a row of a table, else an empty text."""
    forms = [_row_form(line) for line in lightly_paced(lines, give_way)]
    for start, end in _runs(lines, forms, give_way):
        if end - start < MIN_ROWS[forms[start]]:
            forms[start:end] = [""] * (end - start)
    return forms


def find_records(lines: Sequence[Line], plain: Sequence[bool], give_way: Callable[[], None]) -> set[int]:
    """Return the indexes of the lines that begin a row whose cells have a line each.

    `plain` says of each line that it is nothing else. Such rows are groups of equally many lines between empty ones,
    or one group in which a column comes again and again.
    """
    starts: set[int] = set()
    alike: list[tuple[int, int]] = []
    for start, end in chain(_groups(lines, plain, give_way), [(len(lines), len(lines))]):
        if alike and (start != alike[-1][1] or end - start != alike[-1][1] - alike[-1][0]):
            if len(alike) >= MIN_RECORDS:
                starts.update(first for first, _ in alike)
            alike = []
        if start < end and end - start <= MAX_CELLS:
            alike.append((start, end))
        if period := _period(lines[start:end]):
            starts.update(range(start, end, period))
    return starts


def _period(group: Sequence[Line]) -> int:
    """Return after how many lines the next cell of a column comes; 0 if there are no columns.

    The cells of a column are told by being numbers, or by the character they end with, such as that of a unit.
    """
    places: dict[str, list[int]] = {}
    for place, line in enumerate(group):
        if line.text.isdigit() or not line.text[-1].isdigit():
            places.setdefault("0" if line.text.isdigit() else line.text[-1], []).append(place)
    for found in places.values():
        steps = {after - before for before, after in pairwise(found)}
        step = min(steps, default=0)
        if len(steps) == 1 and 1 < step <= MAX_CELLS and len(found) >= max(MIN_RECORDS, len(group) // step - 1):
            return step if len(group) % step == 0 else 0
    return 0


def is_header(text: str, following: str) -> bool:
    """Return whether the first row `text` of a table names its columns, from the row `following` it."""
    return not _DIGIT.search(text) or is_rule(following)


def _row_form(line: Line) -> str:
    text = line.text
    if text[:1] == "|" or (" | " in text and text.count(" | ") > 1):
        return "|"
    if line.wide:
        return "\t" if "\t" in line.wide else " " if _GAP.search(line.wide) else ""
    for sign in ",;":
        if sign in text and text.count(sign) - text.count(f"{sign} ") > 1:
            return sign
    return ""


def _runs(lines: Sequence[Line], forms: Sequence[str], give_way: Callable[[], None]) -> Iterator[tuple[int, int]]:
    """Yield the first and the next index of each run of lines with the same separator and no empty line."""
    start = 0
    for end in lightly_paced(range(1, len(lines) + 1), give_way):
        if end == len(lines) or forms[end] != forms[start] or lines[end].gap:
            if forms[start]:
                yield start, end
            start = end


def _groups(lines: Sequence[Line], plain: Sequence[bool], give_way: Callable[[], None]) -> Iterator[tuple[int, int]]:
    """Yield the first and the next index of each group of lines between empty ones that may be cells."""
    start = 0
    for end in lightly_paced(range(1, len(lines) + 1), give_way):
        if end == len(lines) or lines[end].gap:
            if 1 < end - start <= MAX_GROUP and all(plain[start:end]) and _are_cells(lines[start:end]):
                yield start, end
            start = end


def _are_cells(group: Sequence[Line]) -> bool:
    return max(len(line.text) for line in group) <= MAX_CELL
