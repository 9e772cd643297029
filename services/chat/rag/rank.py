"""Rank passages by what they say about the question, with BM25 and word frequencies from the request itself.

With other constants than these, each of six figures of the benchmark changes by at most four questions of 418
(docs/rag.md), so their exact values matter little.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.passages import Passage
from services.chat.rag.query import Query

BM25_K1 = 1.2
"""How soon further occurrences of a term stop counting; the usual value of BM25."""
BM25_B = 0.75
"""How much a longer passage is discounted, 0 to 1; the usual value of BM25."""
MIN_IDF_SHARE = 0.5
"""Share of the mean IDF that each term counts at least. A term in all passages is the topic, so it must count; a
rare term may be there by chance."""

SENTENCE_WEIGHT = 1.5
"""Weight of the best single line, in addition to the passage: words in one sentence say more than the same words far
apart."""

HEADING_WEIGHT = 0.5
"""Weight of the words in the headings above a passage."""

FOLLOWING_DECAY = 0.8
"""Factor by which the score that a passage passes on shrinks with each passage."""
SOURCE_ORDER_WEIGHT = 0.35
"""Share of the best score that passages of the first source get; those of the second get half of it, and so on. A
search engine's order contains more knowledge than matching words."""
FOLLOWING_WEIGHT = 0.25
"""Share of the score of earlier passages that a passage gets: an answer often follows the words of the question."""
PRECEDING_WEIGHT = 0.3
"""Share of the next passage's score that a passage gets; the larger one of this and the earlier passages' share
counts."""
SOURCE_WEIGHT = 0.1
"""Share of its source's best score that a passage gets."""


Hits = dict[str, float]
"""How often each term is matched."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How the terms of the question match the passages, and the score of each passage."""

    hits: list[dict[str, float]]
    """For each passage, how often each term is matched."""
    idf: dict[str, float]
    """For each term, how specific it is among these passages (inverse document frequency)."""
    scores: list[float]
    """The score of each passage. Only the order and the ratios of the scores mean something."""


def rank_passages(query: Query, passages: Sequence[Passage], give_way: Callable[[], None] = do_nothing) -> Ranking:
    """Return the scores of `passages`, which come in the order of their sources.

    Calls `give_way` every few milliseconds.
    """
    few = paced(passages, give_way, 8)
    by_line = [[query.hits_in(line.segment.text) for line in passage.lines] for passage in few]
    hits = [sum_hits(lines) for lines in paced(by_line, give_way)]
    frequency = Counter(term for hit in paced(hits, give_way) for term in hit)
    idf = {
        term: math.log(1 + (len(passages) - frequency[term] + 0.5) / (frequency[term] + 0.5)) for term in query.weights
    }
    mean = sum(passage.size for passage in passages) / (len(passages) or 1)
    # With sources on one topic, its word is in all passages and BM25 alone would ignore it.
    own = [value for term, value in idf.items() if term not in query.concepts]
    min_idf = MIN_IDF_SHARE * sum(own) / (len(own) or 1)
    weights = {term: max(idf[term], min_idf) * weight for term, weight in query.weights.items()}
    # Squared: where half of the question is said in its own words, its other half may be said in others.
    said = _said(hits, {term: weight for term, weight in weights.items() if term not in query.concepts})
    weights.update((concept, weights[concept] * (1 - said * said)) for concept in query.concepts)
    known: dict[tuple[int, int], Hits] = {}

    def above(passage: Passage) -> Hits:
        """Return how often each term is matched by the headings above a passage."""
        lines = passage.lines[0].above
        if not lines:
            return {}
        key = passage.source, lines[-1].place
        if key not in known:
            known[key] = sum_hits(query.hits_in(line.segment.text) for line in lines)
        return known[key]

    plain = [
        _bm25(hit, weights, passage.size / mean)
        + SENTENCE_WEIGHT * _densest(lines, weights)
        + HEADING_WEIGHT * _densest([above(passage)], weights)
        for hit, lines, passage in paced(zip(hits, by_line, passages, strict=True), give_way)
    ]
    return Ranking(hits, idf, _add_neighbours(plain, passages))


def _said(hits: Iterable[Hits], weights: dict[str, float]) -> float:
    """Return how much of the question the best passage says in its own words, 0 to 1: so much less other words count."""
    best = max((sum(weights[term] for term in hit if term in weights) for hit in hits), default=0.0)
    return min(1.0, best / (sum(weights.values()) or 1.0))


def sum_hits(parts: Iterable[Hits]) -> Hits:
    """Return how often each term is matched in all `parts` together."""
    whole: Hits = {}
    for hit in parts:
        for term, times in hit.items():
            whole[term] = whole.get(term, 0.0) + times
    return whole


def _densest(lines: Iterable[Hits], weights: dict[str, float]) -> float:
    """Return the highest sum of weights in one line."""
    return max((_density(hit, weights) for hit in lines if hit), default=0.0)


def _density(hit: Hits, weights: dict[str, float]) -> float:
    return sum([weights[term] if times >= 1 else weights[term] * times for term, times in hit.items()])


def _bm25(hit: dict[str, float], weights: dict[str, float], length: float) -> float:
    damp = BM25_K1 * (1 - BM25_B + BM25_B * length)
    return sum(weights[term] * times * (BM25_K1 + 1) / (times + damp) for term, times in hit.items())


def _add_neighbours(plain: list[float], passages: Sequence[Passage]) -> list[float]:
    best: dict[int, float] = {}
    for score, passage in zip(plain, passages, strict=True):
        best[passage.source] = max(best.get(passage.source, 0.0), score)
    top = max(best.values(), default=0.0)
    carried = _carried_scores(plain, passages)
    preceding = [*plain, 0.0][1:]
    around = [
        max(FOLLOWING_WEIGHT * carry, PRECEDING_WEIGHT * after)
        + SOURCE_WEIGHT * best[p.source]
        + SOURCE_ORDER_WEIGHT * top / (1 + p.source)
        for carry, after, p in zip(carried, preceding, passages, strict=True)
    ]
    # A passage without a word of the question fills the room that is left; menus come last.
    return [
        score + extra * (1.0 if score else p.content) for score, extra, p in zip(plain, around, passages, strict=True)
    ]


def _carried_scores(plain: list[float], passages: Sequence[Passage]) -> Iterator[float]:
    """Yield what each passage gets from those before it in its source."""
    carry, source = 0.0, -1
    for score, passage in zip(plain, passages, strict=True):
        # A score is not carried from one source into the next.
        carry = carry if passage.source == source else 0.0
        yield carry
        carry, source = FOLLOWING_DECAY * max(carry, score), passage.source
