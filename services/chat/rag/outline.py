"""Find the parts of a text that a person may name: sections, pages, figures and tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from services.chat.rag.headings import BELOW_ARTICLES, MARKDOWN_LEVEL, TITLE_LEVEL, Heading, page_number, plain_number
from services.chat.rag.pace import do_nothing, lightly_paced, paced
from services.chat.rag.segments import Segment

_CAPTION = re.compile(
    r"(figure|fig\.|abbildung|abb\.|figura|рисунок|рис\.|شكل|الشكل|table|tabelle|tab\.|tabla|tableau|tabela|tabella|таблица|табл\.|جدول|الجدول)"
    r"\s?(\d{1,3}(?:[.-]\d{1,3})?)|([图圖表])\s?(\d{1,3}(?:[.-]\d{1,3})?)",
    re.IGNORECASE,
)
_FIGURES = ("f", "a", "р", "ش", "الش", "图", "圖")


class Section(NamedTuple):
    """A heading and what stands below it."""

    title: str
    level: int
    """A section contains the following ones of a higher level."""
    kind: str
    """A key of `headings.KINDS`, or the word before its number; empty if it has none."""
    number: str
    """``12``, ``2.3`` or ``4a``; for a number in words, one more than that of the section of its kind before it."""
    first: int
    """Index of the segment that is its heading."""
    body: int
    """Index of the segment behind its heading."""
    last: int
    """Index of its last segment, with those of the sections in it."""
    parent: int
    """Index of the section that contains it; -1 for none."""


class Mark(NamedTuple):
    """A page, a figure or a table."""

    kind: str
    """``page``, ``figure`` or ``table``."""
    number: str
    first: int
    """Index of its first segment; of a figure or a table, that of its caption."""
    last: int
    """Index of its last segment."""


def find_sections(segments: Sequence[Segment], give_way: Callable[[], None] = do_nothing) -> list[Section]:
    """Return the sections of a text in order. Calls `give_way` every few milliseconds."""
    heads = [index for index in lightly_paced(range(len(segments)), give_way) if segments[index].heading]
    titles = _with_subtitles(segments, lightly_paced(heads, give_way))
    levels = _levels(segments, (group[0] for group in titles))
    numbers: dict[str, str] = {}
    sections: list[Section] = []
    open_ones: list[int] = []
    for group, level in paced(zip(titles, levels, strict=True), give_way, 128):
        while open_ones and sections[open_ones[-1]].level >= level:
            _close(sections, open_ones.pop(), group[0] - 1)
        heading = _heading(segments[group[0]])
        number = heading.number or _next_number(numbers.get(heading.kind, "0")) if heading.kind else heading.number
        numbers[heading.kind] = number
        title = " ".join(segments[index].text for index in group)
        parent = open_ones[-1] if open_ones else -1
        open_ones.append(len(sections))
        sections.append(Section(title, level, heading.kind, number, group[0], group[-1] + 1, -1, parent))
    for index in open_ones:
        _close(sections, index, len(segments) - 1)
    return sections


def find_pages(segments: Sequence[Segment], give_way: Callable[[], None] = do_nothing) -> list[Mark]:
    """Return the pages of a text, from page ends or from lines that say nothing but a page's number."""
    numbered = enumerate(lightly_paced(segments, give_way))
    marks = [(index, page_number(each.text)) for index, each in numbered if each.role == "page"]
    if marks:
        return _numbered_pages([(index, number or 0) for index, number in marks], len(segments))
    numbered = enumerate(lightly_paced(segments, give_way))
    starts = [0, *(index for index, each in numbered if index and each.glue == "\f"), len(segments)]
    spans = enumerate(pairwise(starts), 1) if len(starts) > 2 else ()
    return [Mark("page", str(number), first, end - 1) for number, (first, end) in lightly_paced(spans, give_way)]


def find_captions(segments: Sequence[Segment], give_way: Callable[[], None] = do_nothing) -> Iterator[Mark]:
    """Yield the captions of figures and tables; a table goes on to the last of the rows behind its caption."""
    for index, each in enumerate(paced(segments, give_way, 256)):
        match = _CAPTION.match(each.text) if each.glue != " " and each.role in {"prose", "heading"} else None
        if match:
            kind = "figure" if (match[1] or match[3]).lower().startswith(_FIGURES) else "table"
            yield Mark(kind, plain_number(match[2] or match[4]), index, _last_row(segments, index))


def _last_row(segments: Sequence[Segment], index: int) -> int:
    while index + 1 < len(segments) and segments[index + 1].role == "row":
        index += 1
    return index


def _numbered_pages(marks: list[tuple[int, int]], count: int) -> list[Mark]:
    """Return the pages from the segments with their numbers: above the pages, or below if the first has text before it."""
    first, number = marks[0]
    if first and number == 1:
        starts = [0, *(index + 1 for index, _ in marks)]
        return [Mark("page", str(number), start, index) for start, (index, number) in zip(starts, marks, strict=False)]
    before = [Mark("page", str(number - 1), 0, first - 1)] if first else []
    ends = [index - 1 for index, _ in marks[1:]] + [count - 1]
    return before + [Mark("page", str(number), index, end) for (index, number), end in zip(marks, ends, strict=True)]


def _with_subtitles(segments: Sequence[Segment], heads: Iterable[int]) -> list[list[int]]:
    """Return the headings in groups: "Chapter 3" and the title below it are one."""
    groups: list[list[int]] = []
    for index in heads:
        heading = _heading(segments[index])
        named = bool(groups) and len(groups[-1]) == 1 and _heading(segments[groups[-1][0]]).number_only
        if named and groups[-1][-1] == index - 1 and heading.level == TITLE_LEVEL and not heading.number:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _levels(segments: Sequence[Segment], heads: Iterable[int]) -> Iterator[int]:
    """Yield the level of each heading. Where articles have sections, these are below them, else above."""
    first = ""
    for index in heads:
        heading = _heading(segments[index])
        if heading.level < MARKDOWN_LEVEL and heading.kind in {"article", "section"}:
            first = first or heading.kind
        yield (
            BELOW_ARTICLES
            if heading.level < MARKDOWN_LEVEL and (first, heading.kind) == ("article", "section")
            else heading.level
        )


def _close(sections: list[Section], index: int, last: int) -> None:
    sections[index] = sections[index]._replace(last=last)


def _heading(segment: Segment) -> Heading:
    return segment.heading or Heading(TITLE_LEVEL)


def _next_number(number: str) -> str:
    return str(int(number) + 1) if number.isdigit() else ""
