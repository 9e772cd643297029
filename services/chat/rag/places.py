"""Find the places of a document that a question names: "article 12", "the third chapter", "page 3", "the last section"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from services.chat.rag.headings import plain_number
from services.chat.rag.outline import Mark, Section, find_captions, find_pages
from services.chat.rag.pace import do_nothing, lightly_paced, paced
from services.chat.rag.segments import Segment
from services.chat.rag.words import WORD

LAST = "last"
"""The number of the last one of its kind."""

NEAR = 2
"""Words between the kind of a place and its number at most: "article no. 12", "the third long chapter"."""

_KINDS = {
    "chapter": "chapter kapitel chapitre capítulo capitulo capitolo hoofdstuk глав розділ rozdział bölüm فصل الفصل باب الباب अध्याय",
    "section": "section abschnitt apartado secci seção secao sezione раздел sectie القسم قسم",
    "article": "article artikel artículo articulo artigo articolo стать статт madde artykuł المادة مادة अनुच्छेद धारा пункт point punkt punto ponto البند بند item",
    "part": "part teil parte partie част الجزء جزء bölge",
    "page": "page seite página pagina страниц сторінк sayfa stron صفحة الصفحة पृष्ठ पेज",
    "figure": "figure abbildung figura рисун شكل الشكل",
    "table": "table tabelle tabla tableau tabela tabella таблиц جدول الجدول",
    "paragraph": "paragraph paragraf párrafo parágrafo absatz absätz alinea абзац абз فقرة الفقرة línea line zeile ligne",
}
DIVISIONS = frozenset({"chapter", "section", "article", "part"})
"""Kinds of places that are sections."""
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_ORDINALS = (
    "first erst primer premi prim eerste перв перш الأول اول أول birinci पहल pierw primeir",
    "second zweit segund deuxi tweede втор друг الثاني ثاني ikinci दूसर drug",
    "third dritt tercer troisi terz derde трет الثالث ثالث üçüncü तीसर trzec terceir",
    "fourth viert cuart quatri quart vierde четв الرابع رابع dördüncü चौथ czwart",
    "fifth fünft quint cinqui vijfde пят п'ят الخامس خامس beşinci पाँचव piąt",
    "sixth sechst sext sixi sest zesde шест шост السادس سادس altıncı छठ szóst",
    "seventh siebt siebent séptim septim septi settim zevende седьм сьом السابع سابع yedinci सातव siódm",
    "eighth acht octav huiti ottav achtste восьм الثامن ثامن sekizinci आठव ósm oitav",
    "ninth neunt noven neuvi negende девят дев'ят التاسع تاسع dokuzuncu नौव dziewiąt",
    "tenth zehnt décim decim dixi tiende десят العاشر عاشر onuncu दसव dziesiąt",
)
_NUMBER_OF = {
    **{word: str(number) for number, words in enumerate(_ORDINALS, 1) for word in words.split()},
    **dict.fromkeys(
        "last letzt schluss últim ultim derni laatst последн остан الأخير أخير son अंतिम आखिर ostatn".split(), LAST
    ),
}
_TEENS = ("عشر", "عشرة")
_DIGITS = re.compile(r"\d+(?:\.\d+)*[a-z]?|[ivxlc]{1,6}")
_EAST_ASIAN_KINDS = {
    "条": "article", "條": "article", "章": "chapter", "回": "chapter", "节": "section", "節": "section", "页": "page",
    "頁": "page", "段": "paragraph", "部分": "part", "图": "figure", "圖": "figure", "表": "table", "款": "article",
    "장": "chapter", "절": "section", "조": "article",
}  # fmt: skip
_EAST_ASIAN = re.compile(
    rf"(?:[第제]\s?(\d{{1,4}}|[一二三四五六七八九十百千两]{{1,7}})\s?个?|(最[后後]一?)[个個]?)({'|'.join(_EAST_ASIAN_KINDS)})"
)
_SIGN = re.compile(r"§\s?(\d{1,4}[a-z]?)")
_DOTTED = re.compile(r"\d{1,3}(?:\.\d{1,3}){1,4}(?![\d%])")


class Place(NamedTuple):
    """A place that a question names."""

    kind: str
    """A key of `_KINDS`; empty if only a number is named."""
    number: str
    """As in `outline.Section`, or `LAST`."""


def named_places(question: str, kinds: Iterable[str] = ()) -> list[Place]:
    """Return the places that `question` names, in order; `kinds` are further words that headings have before a number."""
    text = question.lower()
    dotted = [Place("", match.group()) for match in _DOTTED.finditer(text)]
    signs = [Place("article", match[1]) for match in _SIGN.finditer(text)]
    found = [
        Place(_EAST_ASIAN_KINDS[match[3]], LAST if match[2] else plain_number(match[1]))
        for match in _EAST_ASIAN.finditer(text)
    ]
    return list(
        dict.fromkeys(
            [*dotted, *signs, *found, *_spoken(_DOTTED.sub(" ", text), {**_KIND_OF, **{kind: kind for kind in kinds}})]
        )
    )


def _spoken(text: str, kinds: Mapping[str, str]) -> Iterator[Place]:
    """Yield the places that are named by a word for their kind with a number beside it."""
    words = WORD.findall(text)
    for index, word in enumerate(words):
        kind = _by_beginning(word, kinds)
        if not kind:
            continue
        behind = range(index + 1, min(len(words), index + 1 + NEAR))
        before = range(index - 1, max(-1, index - 1 - NEAR), -1)
        number = next(filter(None, (_number(words, place) for place in (*behind, *before))), "")
        if number:
            yield Place(kind, number)


def _number(words: Sequence[str], index: int) -> str:
    """Return the number that a word is, of any form; empty if it is none."""
    word = words[index]
    if _DIGITS.fullmatch(word):
        return plain_number(word)
    number = _by_beginning(word, _NUMBER_OF)
    teen = number.isdigit() and index + 1 < len(words) and words[index + 1] in _TEENS
    return str(int(number) + 10) if teen else number


def _by_beginning(word: str, table: Mapping[str, str]) -> str:
    """Return the value for the longest beginning of `word` that `table` has; empty without one."""
    return next((table[word[:size]] for size in range(len(word), 1, -1) if word[:size] in table), "")


def spans_of(
    places: Sequence[Place],
    segments: Sequence[Segment],
    sections: Sequence[Section],
    give_way: Callable[[], None] = do_nothing,
) -> list[range]:
    """Return the segments of a source, by their index, that `places` name. Calls `give_way` every few milliseconds."""
    marks = [*find_pages(segments, give_way), *find_captions(segments, give_way)]
    spans: list[range] = []
    for place in paced(places, give_way, 1):
        named: list[Section | Mark] = [*_sections(place, sections)]
        named += [mark for mark in lightly_paced(marks, give_way) if (mark.kind, mark.number) == place]
        spans += [range(each.first, each.last + 1) for each in named]
        spans += _paragraphs(place, segments) if not named else []
    return spans


def _sections(place: Place, sections: Sequence[Section]) -> list[Section]:
    if place.number == LAST:
        return [each for each in sections if each.kind == place.kind][-1:] or (
            [*sections[-1:]] if place.kind in DIVISIONS else []
        )
    same = [each for each in sections if each.number == place.number]
    if not same and place.kind in DIVISIONS and place.number.isdigit():
        # Chapters without numbers are counted.
        highest = min((each.level for each in sections), default=0)
        outer = [each for each in sections if each.level == highest]
        return outer[int(place.number) - 1 : int(place.number)]
    return [each for each in same if each.kind == place.kind] or [
        each for each in same if not place.kind or not each.kind
    ]


def _paragraphs(place: Place, segments: Sequence[Segment]) -> list[range]:
    """Return the paragraph of a text that is named by its number, or the last one."""
    if place.kind != "paragraph":
        return []
    starts = [index for index, each in enumerate(segments) if each.role != "heading" and each.glue != " "]
    wanted = len(starts) if place.number == LAST else int(place.number) if place.number.isdigit() else 0
    if not 0 < wanted <= len(starts):
        return []
    end = starts[wanted] if wanted < len(starts) else len(segments)
    return [range(starts[wanted - 1], end)]
