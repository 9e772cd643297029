"""Tell what each line of a text is: prose, a heading, an item of a list, a row of a table, code, or the mark of a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.chat.rag.headings import MARKDOWN_LEVEL, MAX_HEADING, NUMBERED_LEVEL, Heading, find_heading, page_number
from services.chat.rag.lines import Line
from services.chat.rag.pace import paced
from services.chat.rag.segments import Role
from services.chat.rag.tables import find_rows

SENTENCE_ENDS = (
    ".",
    "!",
    "?",
    ":",
    ";",
    "\u3002",
    "\uff01",
    "\uff1f",
    "\uff1a",
    "\uff1b",
    "\u061f",
    "\u06d4",
    "\u0964",
)
"""What a line ends with if it ends a sentence or introduces something."""

_ITEM = re.compile(
    r"[-*\u2022\u00b7\u25e6\u25aa\u2023\u2013\u2014+]\s"
    r"|[(\uff08]?(?:\d{1,3}[a-z]?|[a-zA-Z\u0430-\u044f]|[ivx]{1,5}|[\u0621-\u064a]\u0640?)(?:[.)]\s|\uff09)"
    r"|\uff08?[\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341]{1,3}[\u3001\uff09]"
)
BULLETS = frozenset("-*\u2022\u00b7\u25e6\u25aa\u2023+")
"""Signs that begin an item wherever they begin a line."""

_CODE = re.compile(
    r"""[\[{\]}]{1,9}[,;]?$|[\[{]\s?["'{\[\d]|"[^"]{1,80}"\s?:|</?[a-zA-Z!?]|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\[?\d\d:\d\d:\d\d"""
    r"|(?:def|class|import|from|return|function|public|private|static|const|let|var|SELECT|INSERT|CREATE)\s.{0,99}[({;*\"']"
    r"|[$>]\s[a-z./]"
)
_CODE_ENDS = ("{", "};", ");", "({", "=>", "\\")


class LineRole(NamedTuple):
    """What a line is."""

    role: Role
    heading: Heading | None = None
    hidden: bool = False
    """Whether it only underlines the heading before it."""


PROSE, CODE, ROW, ITEM, PAGE = (LineRole(role) for role in ("prose", "code", "row", "item", "page"))


def find_roles(lines: Sequence[Line], give_way: Callable[[], None]) -> list[LineRole]:
    """Return what each of `lines` is. Calls `give_way` every few milliseconds."""
    roles: list[LineRole] = []
    fence = ""
    forms = find_rows(lines, give_way)
    for index, line in enumerate(paced(lines, give_way, 128)):
        mark = line.text[:3] if line.text[:3] in {"```", "~~~"} else ""
        if fence or mark:
            roles.append(CODE)
            fence = ("" if mark == fence else fence) if fence else mark
        elif forms[index]:
            roles.append(ROW)
        else:
            roles.append(_role(lines, index, roles))
    return roles


def _is_underline(text: str) -> bool:
    """Return whether `text` is the line below a heading, as in Markdown."""
    return len(text) > 2 and text[0] in "=-" and not text.strip(text[0])


def _role(lines: Sequence[Line], index: int, before: list[LineRole]) -> LineRole:
    """Return what the line with the `index` is, if it is neither in a table nor between the fences of code."""
    line = lines[index]
    text = line.text
    if len(text) <= MAX_HEADING:
        if (line.gap or line.glue == "\f") and page_number(text):
            return PAGE
        if index and not line.gap and _is_underline(text) and _may_be_underlined(lines[index - 1], before[-1]):
            before[-1] = LineRole("heading", Heading(MARKDOWN_LEVEL + (1 if text[0] == "=" else 2)))
            return LineRole("heading", None, hidden=True)
    return _heading(lines, index, before) or (
        ITEM if _ITEM.match(text) else CODE if text.endswith(_CODE_ENDS) or _CODE.match(text) else PROSE
    )


def _may_be_underlined(line: Line, role: LineRole) -> bool:
    return role.role in {"prose", "heading"} and line.gap and len(line.text) <= MAX_HEADING


def _heading(lines: Sequence[Line], index: int, before: list[LineRole]) -> LineRole | None:
    line = lines[index]
    inside = not line.gap and before[-1].role != "heading" and not lines[index - 1].text.endswith(SENTENCE_ENDS)
    # In the middle of a paragraph only a sign makes a heading.
    heading = None if inside and line.text[0] != "#" else find_heading(line.text, line.gap)
    if not heading or (heading.level == NUMBERED_LEVEL and not _stands_alone(lines, index)):
        return None
    return LineRole("heading", heading)


def _stands_alone(lines: Sequence[Line], index: int) -> bool:
    """Return whether there are empty lines around a line with one number, and none of its kind behind it."""
    if not lines[index].gap or index + 1 == len(lines):
        return False
    after = lines[index + 1]
    sibling = find_heading(after.text, alone=True)
    return after.gap and not (sibling and sibling.level == NUMBERED_LEVEL)
