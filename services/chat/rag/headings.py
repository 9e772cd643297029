"""Recognize headings and page marks by their words and numbers, in the languages that documents come in."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

MAX_HEADING = 120
"""Characters of the longest heading."""

MAX_PAGE_MARK = 80
"""Characters of the longest mark of a page."""

MAX_TITLE_LIKE = 60
"""Characters of the longest line that is taken for a heading because it stands alone; half of it in scripts without
blanks."""

KINDS = {
    "book": "book buch libro livre livro книга",
    "part": "part teil parte partie часть частина deel część kısım bölge الباب باب भाग",
    "title": "title titel título titre titolo",
    "chapter": "chapter kapitel chapitre capítulo capitulo capitolo chap. cap. kap. гл. hoofdstuk глава розділ rozdział bölüm الفصل فصل अध्याय",
    "section": "section abschnitt sección seccion seção sezione раздел sectie afdeling القسم sec.",
    "article": "article artikel art. ст. artículo articulo artigo articolo статья стаття madde artykuł المادة مادة अनुच्छेद धारा §",
    "annex": "annex appendix anhang anexo annexe allegato приложение додаток ملحق الملحق ek",
    "item": "top",
}
"""Words that begin a heading, by what they head. The order is that of the levels, the highest first."""

MARKDOWN_LEVEL = 20
"""What is added to the level of a Markdown heading."""
NUMBERED_LEVEL = 30
"""What is added to the level of a heading that begins with a number: it is below those with words."""
TITLE_LEVEL = 40
"""Level of a line that only looks like a heading."""

_KIND_OF = {word: kind for kind, words in KINDS.items() for word in words.split()}
_LEVEL_OF = {kind: 2 * level for level, kind in enumerate(KINDS, 1)}
BELOW_ARTICLES = _LEVEL_OF["article"] + 1
"""Level of the sections of an article."""

_EAST_ASIAN_KINDS = {
    "编": "book", "編": "book", "卷": "book", "部": "part", "篇": "part", "章": "chapter", "回": "chapter",
    "节": "section", "節": "section", "条": "article", "條": "article", "장": "chapter", "절": "section", "조": "article",
}  # fmt: skip
_DIGITS = "0-9\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\uff10-\uff19"
_HAN_DIGITS = "〇零一二三四五六七八九十百千两"
_WORDS = "|".join(re.escape(word) for word in sorted(_KIND_OF, key=len, reverse=True))
_SPOKEN = re.compile(
    rf"({_WORDS})(?:(?<=§)|\s)\s?"
    rf"(?:([{_DIGITS}]{{1,4}}(?:\.[{_DIGITS}]{{1,3}}){{0,4}}[a-z]?|[ivxlc]{{1,8}}|[a-z])(?![\w])|(\w{{2,16}}(?:\s\w{{2,16}})?)(?=$|[.:]|\s?[—–-]\s))",
    re.IGNORECASE,
)
_EAST_ASIAN = re.compile(rf"[第제]\s?([{_DIGITS}]{{1,4}}|[{_HAN_DIGITS}]{{1,7}})\s?([{''.join(_EAST_ASIAN_KINDS)}])")
_NUMBERED = re.compile(
    rf"([{_DIGITS}]{{1,3}}(?:\.[{_DIGITS}]{{1,3}}){{0,5}})[.)]?\s(?=\S)|([{_HAN_DIGITS}]{{1,3}})、(?=\S)"
)
_ROMAN = re.compile(r"([IVXLC]{1,8})(?:[.)]\s?|\s?[—–-]\s|$)")
_COUNTED = re.compile(rf"([^\W\d]{{3,20}})\s([{_DIGITS}]{{1,4}}|[IVXLC]{{1,8}})(?=$|[.:]|\s?[—–-])")
_MARKDOWN = re.compile(r"(#{1,6})\s")
_PAGE = re.compile(
    r"[\[(]?(?:(?:page|p\.|pg\.|seite|s\.|página|pagina|pág\.|pag\.|страница|стр\.|сторінка|sayfa|strona|str\.|halaman|sida|side"
    rf"|صفحة|पृष्ठ)\s?([{_DIGITS}]{{1,4}})(?:\s?(?:/|of|von|de|di|из|z|van|من)\s?[{_DIGITS}]{{1,4}})?"
    rf"|[-–—]\s?([{_DIGITS}]{{1,4}})\s?[-–—]|([{_DIGITS}]{{1,4}})\s?/\s?[{_DIGITS}]{{1,4}}"
    rf"|第\s?([{_DIGITS}]{{1,4}})\s?[页頁]|([{_DIGITS}]{{1,4}})\s?(?:ページ|페이지|쪽))[\])]?$",
    re.IGNORECASE,
)
_BETWEEN_HEADS = re.compile(r"\s[|•·–—-]\s")
"""What stands between the number of a page and the head that all pages have."""
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_HAN_VALUES = {"两": 2, "零": 0, "〇": 0, **{char: value for value, char in enumerate("一二三四五六七八九", 1)}}
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000}


class Heading(NamedTuple):
    """What a heading says of its section."""

    level: int
    """A lower one contains the higher ones that follow."""
    kind: str = ""
    """A key of `KINDS`; empty if the heading has no such word."""
    number: str = ""
    """``12``, ``2.3`` or ``4a``, whatever it was written in; empty if it has none or one in words."""
    size: int = 0
    """Characters of the mark before the title: ``Article 12``, ``2.3``, ``##``."""

    @property
    def is_markdown(self) -> bool:
        """Return whether it is marked as one by a sign."""
        return MARKDOWN_LEVEL < self.level < NUMBERED_LEVEL

    @property
    def number_only(self) -> bool:
        """Return whether a title may stand in a line of its own below it."""
        return bool(self.kind or self.number) and not self.is_markdown

    @property
    def may_go_on(self) -> bool:
        """Return whether its title may be broken at the width of the text."""
        return not self.is_markdown


def find_heading(line: str, alone: bool) -> Heading | None:
    """Return what `line` says as a heading; None if it is none by its words, its number or its sign.

    `alone` says that there is an empty line before it; without, only a short line can be one.
    """
    if line[0] == "#":
        return _markdown(line)
    heading = _east_asian(line) or _spoken(line) or _numbered(line)
    needs_end = not alone or (heading and heading.level >= NUMBERED_LEVEL)
    return heading if heading and not (needs_end and not is_short(line)) else None


def title_heading(line: str) -> Heading:
    """Return what a line says that is a heading because it stands alone, such as ``The river`` or ``Lesson 4``."""
    match = _COUNTED.match(line)
    return Heading(TITLE_LEVEL, match[1].lower(), plain_number(match[2])) if match else Heading(TITLE_LEVEL)


def is_short(line: str) -> bool:
    """Return whether `line` is as short as a title and ends like one."""
    most = MAX_TITLE_LIKE if line.isascii() or line[0] < "\u0e00" else MAX_TITLE_LIKE // 2
    return len(line) <= most and (line[-1] in ")*_\u300b\u300d" or unicodedata.category(line[-1])[0] in "LMN")


def page_number(line: str) -> int | None:
    """Return the number of the page that `line` marks, and nothing else but a head of the page; None if it marks none."""
    if len(line) > MAX_PAGE_MARK:
        return None
    parts = _BETWEEN_HEADS.split(line) if any(map(str.isdigit, line)) else ()
    # "Page 3 of 9" stands before or behind the head.
    match = next(filter(None, map(_PAGE.match, (line, *parts[:1], *parts[-1:]))), None)
    return int(next(filter(None, match.groups()))) if match else None


def _markdown(line: str) -> Heading | None:
    mark = _MARKDOWN.match(line)
    if not mark:
        return None
    title = line[mark.end() :].strip()
    inner = (_east_asian(title) or _spoken(title) or _numbered(title)) if title else None
    level = MARKDOWN_LEVEL + len(mark[1])
    return (
        Heading(level, inner.kind, inner.number, mark.end() + inner.size) if inner else Heading(level, size=mark.end())
    )


def _spoken(line: str) -> Heading | None:
    """Return a heading such as ``Article 12``, ``§ 4a Duties`` or ``Глава первая``."""
    match = _SPOKEN.match(line) if line[0] == "§" or line.partition(" ")[0].lower() in _KIND_OF else None
    if not match:
        return None
    kind, rest = _KIND_OF[match[1].lower()], line[match.end() :].lstrip()
    # "Article 5 says that ..." is a sentence; "Part of the" is one too.
    if rest[:1].islower() or (match[3] and len(line) > MAX_TITLE_LIKE and not rest.startswith((".", ":"))):
        return None
    return Heading(_LEVEL_OF[kind], kind, plain_number(match[2] or ""), match.end())


def _east_asian(line: str) -> Heading | None:
    """Return a heading such as ``第十二条``."""
    match = _EAST_ASIAN.match(line) if line[0] in "第제" else None
    if not match:
        return None
    kind = _EAST_ASIAN_KINDS[match[2]]
    return Heading(_LEVEL_OF[kind], kind, plain_number(match[1]), match.end())


def _numbered(line: str) -> Heading | None:
    """Return a heading such as ``2.3 Title``, ``IV. Title``, ``一、总则`` or ``III``."""
    if (match := _NUMBERED.match(line)) and not line[match.end()].islower():
        number = plain_number(match[1] or match[2])
        return Heading(NUMBERED_LEVEL + number.count("."), "", number, match.end())
    if (match := _ROMAN.match(line)) and _roman(match[1].lower()):
        return Heading(NUMBERED_LEVEL, "", plain_number(match[1]), match.end())
    return None


def plain_number(text: str) -> str:
    """Return a number in any digits, Roman or Chinese, as ``12``, ``2.3`` or ``4a``; what it cannot read unchanged."""
    lower = text.lower()
    if lower and all(char in _HAN_DIGITS for char in lower):
        return str(_han(lower))
    if lower and all(char in _ROMAN_VALUES for char in lower):
        return str(_roman(lower))
    return "".join(str(unicodedata.digit(char, char)) for char in lower)


def _roman(text: str) -> int:
    values = [_ROMAN_VALUES[char] for char in text]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))


def _han(text: str) -> int:
    """Return the value of Chinese digits: ``十二`` is 12, ``一百零三`` is 103, ``二〇`` is 20."""
    if not any(char in _HAN_UNITS for char in text):
        return int("".join(str(_HAN_VALUES[char]) for char in text))
    total, digit = 0, 0
    for char in text:
        if unit := _HAN_UNITS.get(char):
            total, digit = total + (digit or 1) * unit, 0
        else:
            digit = _HAN_VALUES[char]
    return total + digit
