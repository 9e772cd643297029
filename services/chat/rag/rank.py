"""Passages in the order of what they say about the question: BM25 with frequencies from the request itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from services.chat.rag.clean import idle, paced
from services.chat.rag.passages import Passage
from services.chat.rag.query import Query

SATURATION = 1.2
LENGTH_SHARE = 0.75
COMMON = 0.5
"""Share of the mean that a term in all passages counts at least: it is the topic, and rarer ones may be chance."""

FOCUS = 1.5
"""What the words of one sentence count besides those of the passage."""

FADE = 0.8
RANKED = 0.35
"""Share of the best score that passages of the first source get, half of it those of the second, and so on: a search
engine's order knows more than words."""
FOLLOWING = 0.25
PRECEDING = 0.3
"""Share of a neighbour's score that a passage gets: an answer often stands beside the words of the question."""
SOURCE = 0.1
"""Share of its source's best score."""


Hits = dict[str, float]
"""How often terms are met."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What the question's terms met."""

    hits: list[dict[str, float]]
    """Per passage: how often each term is met."""
    idf: dict[str, float]
    """Per term: how telling it is among these passages."""
    scores: list[float]


def rank(query: Query, found: Sequence[Passage], breathe: Callable[[], None] = idle) -> Ranking:
    by_line = [[query.hits(line.words) for line in passage.lines] for passage in paced(found, breathe)]
    hits = [_together(lines) for lines in by_line]
    frequency = Counter(term for hit in hits for term in hit)
    idf = {term: math.log(1 + (len(found) - frequency[term] + 0.5) / (frequency[term] + 0.5)) for term in query.weights}
    mean = sum(passage.size for passage in found) / (len(found) or 1)
    least = COMMON * sum(idf.values()) / (len(idf) or 1)
    worth = {term: max(idf[term], least) * weight for term, weight in query.weights.items()}
    plain = [
        (_bm25(hit, worth, passage.size / mean) + FOCUS * _densest(lines, worth)) * _weight(passage)
        for hit, lines, passage in zip(hits, by_line, found, strict=True)
    ]
    return Ranking(hits, idf, _spread(plain, found))


def _together(lines: list[Hits]) -> Hits:
    whole: Hits = {}
    for hit in lines:
        for term, times in hit.items():
            whole[term] = whole.get(term, 0.0) + times
    return whole


def _densest(lines: list[Hits], worth: dict[str, float]) -> float:
    """The most that one line holds: a sentence with all of the words says more than all of them scattered."""
    return max((sum(worth[term] * min(1.0, times) for term, times in hit.items()) for hit in lines), default=0.0)


def _bm25(hit: dict[str, float], worth: dict[str, float], length: float) -> float:
    damp = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * length)
    return sum(worth[term] * times * (SATURATION + 1) / (times + damp) for term, times in hit.items())


def _weight(passage: Passage) -> float:
    """Between 0.6 for what reads like furniture and 1: a row of a table may be the answer."""
    return 0.6 + 0.4 / (1 + math.exp(-passage.quality))


def _spread(plain: list[float], found: Sequence[Passage]) -> list[float]:
    best: dict[int, float] = {}
    for score, passage in zip(plain, found, strict=True):
        best[passage.source] = max(best.get(passage.source, 0.0), score)
    top = max(best.values(), default=0.0)
    carried = _carried(plain, found)
    preceding = [*plain, 0.0][1:]
    return [
        score + max(FOLLOWING * carry, PRECEDING * after) + SOURCE * best[p.source] + RANKED * top / (1 + p.source)
        for score, carry, after, p in zip(plain, carried, preceding, found, strict=True)
    ]


def _carried(plain: list[float], found: Sequence[Passage]) -> Iterator[float]:
    """What each passage gets from those before it: an answer often stands some way behind the words of the question."""
    carry, source = 0.0, -1
    for score, passage in zip(plain, found, strict=True):
        carry = carry if passage.source == source else 0.0
        yield carry
        carry, source = FADE * max(carry, score), passage.source
