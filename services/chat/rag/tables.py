"""Find the rows of tables: Markdown, CSV, tabs, columns aligned by blanks, HTML, objects of JSON, and one cell a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise

from services.chat.rag.lines import Line, one_blank
from services.chat.rag.pace import lightly_paced

MIN_ROWS = {"|": 1, "<": 1, "\t": 2, " ": 3, ",": 3, ";": 3}
"""Lines in a row from which they are a table, by what separates their cells: prose has commas too."""

MAX_CELL = 80
"""Characters of a cell that has a line of its own."""

MAX_LONG_CELLS = 0.25
"""Share of such cells that may be longer."""

MIN_RECORDS = 3
"""Groups with the same number of lines from which they are the rows of a table, with each cell on a line."""

MAX_CELLS = 12
"""Cells of the longest such row."""

MAX_GROUP = 20_000
"""Lines of the longest group in which rows are looked for."""

_GAP = re.compile(r"[^\s.!?:]  \S")
"""A gap between two columns; the two blanks behind a sentence are none."""
_NO_RULE = re.compile(r"[^\s|:+=_*~\u2500-\u257f.-]")
_DIGIT = re.compile(r"\d")
_CELL_END = re.compile(r"[|\t;\n]|  |,(?! )")
_NUMBER = re.compile(r"[-+]?\d[\d.,]*")
_OPENS, _CLOSES = re.compile(r"\{$|<tr\b[^>]{0,99}>$", re.I), re.compile(r"\},?\s?\]?$|</tr>$", re.I)
"""The lines around a row whose cells have a line each."""
_HTML_ROW = re.compile(r"<tr\b[^>]{0,99}>\s?<t[dh]\b", re.I)
_HTML_TAG = re.compile(r"<(/?)t([rdh])\b[^>]{0,99}>", re.I)


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


def find_records(lines: Sequence[Line], plain: Sequence[bool], give_way: Callable[[], None]) -> dict[int, int]:
    """Return for the first line of each row whose cells have a line each the index behind its last line.

    `plain` says of each line that it is nothing else. Such rows are objects of JSON, rows of HTML, groups of equally many
    lines between empty ones, or one group in which a column comes again and again.
    """
    records = dict(_enclosed(lines, give_way))
    alike: list[tuple[int, int]] = []
    for start, end in chain(_groups(lines, plain, give_way), [(len(lines), len(lines))]):
        if alike and (start != alike[-1][1] or end - start != alike[-1][1] - alike[-1][0]):
            if len(alike) >= MIN_RECORDS:
                records.update(alike)
            alike = []
        if start < end and end - start <= MAX_CELLS:
            alike.append((start, end))
        if period := _period(lines[start:end], give_way):
            records.update((first, first + period) for first in range(start, end, period))
    return records


def _enclosed(lines: Sequence[Line], give_way: Callable[[], None]) -> Iterator[tuple[int, int]]:
    """Yield the first and the next index of each object or row between lines that only open and close it."""
    start = -1
    for index, line in enumerate(lightly_paced(lines, give_way)):
        if _OPENS.match(line.text):
            start = index
        elif start >= 0 and _CLOSES.match(line.text):
            if index - start <= MAX_CELLS + 1 and lines[start + 1].text[0] in '"<':
                yield start, index + 1
            start = -1


def _period(group: Sequence[Line], give_way: Callable[[], None]) -> int:
    """Return after how many lines the next cell of a column comes; 0 if there are no columns.

    The cells of a column are told by being numbers, or by the character they end with, such as that of a unit.
    """
    places: dict[str, list[int]] = {}
    for place, line in enumerate(lightly_paced(group, give_way)):
        if line.text.isdigit() or not line.text[-1].isdigit():
            places.setdefault("0" if line.text.isdigit() else line.text[-1], []).append(place)
    for found in places.values():
        steps = {after - before for before, after in lightly_paced(pairwise(found), give_way)}
        step = min(steps, default=0)
        if len(steps) == 1 and 1 < step <= MAX_CELLS and len(found) >= max(MIN_RECORDS, len(group) // step - 1):
            return step if len(group) % step == 0 else 0
    return 0


def row_text(text: str) -> str:
    """Return the text of a row with bars in place of the tags of HTML."""
    return one_blank(_HTML_TAG.sub(_bar, text)).strip() if text[0] == "<" else text


def _bar(tag: re.Match[str]) -> str:
    return " " if tag[1] or tag[2] in "rR" else " | "


def is_header(text: str, following: str) -> bool:
    """Return whether the first row `text` of a table names its columns, from the row `following` it."""
    if text[0] == "{":
        return False
    if not _DIGIT.search(text) or is_rule(following):
        return True
    return not any(_numeric(text)) and any(_numeric(following))


def _numeric(row: str) -> Iterator[bool]:
    """Yield for each cell of a row whether it is a number."""
    return (bool(_NUMBER.fullmatch(cell.strip(' "'))) for cell in _CELL_END.split(row))


def _row_form(line: Line) -> str:
    text = line.text
    if text[:1] == "|" or (" | " in text and text.count(" | ") > 1):
        return "|"
    if text[0] == "<":
        return "<" if _HTML_ROW.match(text) else ""
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
            if 1 < end - start <= MAX_GROUP and all(plain[start:end]) and _are_cells(lines[start:end], give_way):
                yield start, end
            start = end


def _are_cells(group: Sequence[Line], give_way: Callable[[], None]) -> bool:
    return sum(len(line.text) > MAX_CELL for line in lightly_paced(group, give_way)) <= MAX_LONG_CELLS * len(group)
