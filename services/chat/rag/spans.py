"""Find where the places are that a question names, and which of them a document does not have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, takewhile
from typing import TypeVar

from services.chat.rag.headings import KINDS, plain_number
from services.chat.rag.outline import Mark, Section, find_captions, find_pages
from services.chat.rag.pace import do_nothing, lightly_paced, paced
from services.chat.rag.passages import Cut
from services.chat.rag.places import EDGES, Place, numbered_places
from services.chat.rag.roles import SENTENCE_ENDS
from services.chat.rag.segments import Segment

MIN_PARAGRAPH = 40
"""Characters of a paragraph that does not end like a sentence."""

EDGE = 800
"""Characters of the beginning and of the end of a text."""

DIVISIONS = frozenset({"chapter", "section", "article", "part"})
"""Kinds of places that are sections, and may be counted where they have no numbers."""
LISTED = frozenset({"item", "step", "question", "article"})
"""Kinds of places that may be items of a list."""

_ITEM = re.compile(r"\W?(\d{1,3})[.)]")


def missing_places(question: str, cuts: Sequence[Cut], give_way: Callable[[], None] = do_nothing) -> list[str]:
    """Return what `question` calls the places that none of the documents has or mentions, each once.

    Calls `give_way` every few milliseconds.
    """
    named = {each.words: each for each in numbered_places(question)}
    for cut in paced(cuts, give_way, 1) if named else ():
        marks = _marks(cut.segments, give_way)
        text = "\n".join(each.text for each in lightly_paced(cut.segments, give_way)).lower()
        spans = ((words, words.lower() in text or _spans(each, cut, marks, give_way)) for words, each in named.items())
        found = [words for words, has in spans if has]
        named = {words: each for words, each in named.items() if words not in found}
    return list(named)


def heading_words(cuts: Iterable[Cut], give_way: Callable[[], None] = do_nothing) -> set[str]:
    """Return the words that headings have before a number. Calls `give_way` every few milliseconds."""
    sections = lightly_paced((section for cut in cuts for section in cut.sections), give_way)
    return {section.kind for section in sections if section.number} - {""}


def spans_of(places: Sequence[Place], cut: Cut, give_way: Callable[[], None] = do_nothing) -> list[range]:
    """Return the segments of a source, by their index, that `places` name. Calls `give_way` every few milliseconds."""
    marks = _marks(cut.segments, give_way) if places else []
    return [span for place in paced(places, give_way, 1) for span in _spans(place, cut, marks, give_way)]


def _marks(segments: Sequence[Segment], give_way: Callable[[], None]) -> list[Mark]:
    return [*find_pages(segments, give_way), *find_captions(segments, give_way)]


def _spans(place: Place, cut: Cut, marks: Sequence[Mark], give_way: Callable[[], None]) -> list[range]:
    if place.kind in EDGES:
        return [_edge(place.kind, cut.segments)]
    same = [mark for mark in lightly_paced(marks, give_way) if mark.kind == place.kind]
    named: list[Section | Mark] = [*_sections(place, cut.sections, give_way), *_numbered(place, same)]
    return [range(each.first, each.last + 1) for each in named] or _units(place, cut.segments)


def _edge(kind: str, segments: Sequence[Segment]) -> range:
    order = range(len(segments)) if kind == "beginning" else range(len(segments) - 1, -1, -1)
    sizes = accumulate(len(segments[index].text) for index in order)
    count = 1 + sum(1 for _ in takewhile(lambda size: size < EDGE, sizes))
    return range(count) if kind == "beginning" else range(len(segments) - count, len(segments))


N = TypeVar("N", Section, Mark)


def _numbered(place: Place, among: Sequence[N]) -> list[N]:
    """Return those with the number of a place, or the last one or the one before."""
    if place.number[:1] == "-":
        return list(among[int(place.number) :][:1])
    return [each for each in among if each.number == place.number]


def _sections(place: Place, sections: Sequence[Section], give_way: Callable[[], None]) -> list[Section]:
    if place.number[:1] == "-":
        own = [each for each in lightly_paced(sections, give_way) if each.kind == place.kind]
        return _numbered(place, own or (_outer(sections) if place.kind in DIVISIONS else []))
    same = [each for each in lightly_paced(sections, give_way) if each.number == place.number]
    if not same and place.kind in DIVISIONS and place.number.isdigit():
        # Chapters without numbers are counted.
        return _outer(sections)[int(place.number) - 1 : int(place.number)]
    return [each for each in same if each.kind == place.kind] or [
        each for each in same if _may_be(each.kind, place.kind)
    ]


def _may_be(kind: str, asked: str) -> bool:
    """Return whether a section of one kind may be what is asked for as another: "Folie 3" as slide 3."""
    return not kind or not asked or asked == "item" or (kind not in KINDS and asked not in KINDS)


def _outer(sections: Sequence[Section]) -> list[Section]:
    highest = min((each.level for each in sections), default=0)
    return [each for each in sections if each.level == highest]


def _units(place: Place, segments: Sequence[Segment]) -> list[range]:
    """Return the paragraph, line, row or item of a text that is named by its number, or the last one."""
    if place.kind in LISTED:
        items = (index for index, each in enumerate(segments) if each.role == "item")
        return [range(index, index + 1) for index in items if _item_number(segments[index].text) == place.number]
    if place.kind not in {"paragraph", "line", "row"}:
        return []
    starts = [index for index, each in enumerate(segments) if _begins(each, place.kind)]
    wanted = int(place.number) if place.number.lstrip("-").isdigit() else 0
    start = wanted - 1 if wanted > 0 else len(starts) + wanted
    if not wanted or not 0 <= start < len(starts):
        return []
    return [range(starts[start], starts[start + 1] if start + 1 < len(starts) else len(segments))]


def _begins(segment: Segment, kind: str) -> bool:
    """Return whether a segment begins a row, a line or a paragraph; a signature is no paragraph."""
    if kind == "row" or segment.role in {"heading", "page"}:
        return segment.role == "row" == kind
    says = kind == "line" or len(segment.text) >= MIN_PARAGRAPH or segment.text.endswith(SENTENCE_ENDS)
    return says and segment.glue != " "


def _item_number(text: str) -> str:
    match = _ITEM.match(text)
    return plain_number(match[1]) if match else ""
