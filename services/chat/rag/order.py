"""Put passages in the order in which they are taken into the prompt.

First comes the place that the question names. A question about the whole takes an overview: the beginnings of sections,
or of passages, evenly spread. All others take what ranks best; where that covers little of the question, some overview
comes with it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from services.chat.rag.aim import MIXED, share_of_whole
from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.passages import Cut, Passage
from services.chat.rag.places import Place, named_places
from services.chat.rag.spans import heading_words, spans_of

Candidate = tuple[int, Passage]
"""A passage, or a part of it, with its index among all passages."""

OPENING = 160
"""Characters of a passage from which its beginning stands for it in an overview."""

MIN_SECTIONS = 3
"""Sections that an overview needs to follow them; a text with fewer is spread over its passages."""

WEAK = 0.12
"""Coverage of the question below which some overview comes with what ranks best."""


def by_rank(passages: Sequence[Passage], scores: Sequence[float], least: float) -> list[Candidate]:
    """Return the passages with a score of `least` times the best one or more, the best first."""
    minimum = max(scores, default=0.0) * least
    turns = _turns(passages)

    def order(index: int) -> tuple[float, float, int]:
        """Return what sorts a passage: those that say nothing of the question come by turns, prose first."""
        return -scores[index], 0.0 if scores[index] else -round(passages[index].content, 1), turns[index]

    best_first = sorted(range(len(passages)), key=order)
    return [(index, passages[index]) for index in best_first if scores[index] >= minimum]


def _turns(passages: Sequence[Passage]) -> list[int]:
    """Return for each passage how many of its source come before it."""
    seen: Counter[int] = Counter()
    result = []
    for passage in passages:
        result.append(seen[passage.source])
        seen[passage.source] += 1
    return result


def find_aim(
    question: str, leans: bool, cuts: Sequence[Cut], passages: Sequence[Passage], give_way: Callable[[], None]
) -> tuple[list[Candidate], float]:
    """Return the passages at the places that `question` names, and the share of the room for the whole, 0 to 1.

    `leans` says that the question is about what the talk was about, so it may name nothing and still mean a passage.
    Calls `give_way` every few milliseconds.
    """
    places = named_places(question, heading_words(cuts, give_way))
    give_way()
    at_place = list(_at_places(places, cuts, passages, give_way))
    share = share_of_whole(question, leans)
    # A place that no document has is no question about the whole.
    return at_place, min(share, MIXED) if places and not at_place else share


def for_documents(
    at_place: Sequence[Candidate],
    share: float,
    passages: Sequence[Passage],
    ranked: Sequence[Candidate],
    coverage: float,
    give_way: Callable[[], None] = do_nothing,
) -> Iterator[Candidate]:
    """Yield the passages of attached documents in the order in which they are taken; some come twice.

    `at_place` are those at a place that the question names, and `share` is the share of the room for the whole, as
    `find_aim` returns them. Calls `give_way` every few milliseconds.
    """
    yield from _best_of(at_place, ranked, share == 1)
    if share == 1 and not at_place:
        yield from _overview(passages, give_way)
    elif share and not at_place:
        yield from _by_turns(_overview(passages, give_way), ranked)
    elif coverage < WEAK and not at_place:
        yield from _by_turns(ranked[::2], ranked[1::2], _overview(passages, give_way))
    yield from ranked


def _at_places(
    places: Sequence[Place], cuts: Sequence[Cut], passages: Sequence[Passage], give_way: Callable[[], None]
) -> Iterator[Candidate]:
    """Yield the passages at `places`, in the order of the documents."""
    if not places:
        return
    spans = [spans_of(places, cut, give_way) for cut in cuts]
    named = [{place for span in paced(each, give_way) for place in span} for each in spans]
    for index, passage in enumerate(paced(passages, give_way)):
        inside = [line for line in passage.lines if line.place in named[passage.source]]
        if inside:
            yield index, replace(passage, lines=tuple(inside))


def _best_of(at_place: Sequence[Candidate], ranked: Sequence[Candidate], whole: bool) -> Iterator[Candidate]:
    """Yield the passages at a place: those that rank best, or evenly spread if the question is about the `whole` of it."""
    inside = dict(at_place)
    if not whole:
        yield from ((index, inside[index]) for index, _ in ranked if index in inside)
    yield from (at_place[place] for place in bisected(len(at_place)))


def _overview(passages: Sequence[Passage], give_way: Callable[[], None]) -> Iterator[Candidate]:
    """Yield the beginnings of passages, evenly spread over each document, and taken from the documents by turns."""
    documents: dict[int, list[Candidate]] = defaultdict(list)
    for index, passage in enumerate(paced(passages, give_way)):
        documents[passage.source].append((index, _opening(passage)))
    yield from _by_turns(*map(_spread, documents.values()))


def _spread(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the beginning of a document, its end, and then always the middle of the largest gap; sections first."""
    starts = [each for each in candidates if each[1].lines[0].segment.role == "heading"]
    others = [each for each in candidates if each[1].lines[0].segment.role != "heading"]
    if len(starts) < MIN_SECTIONS:
        return [candidates[place] for place in bisected(len(candidates))]
    return [group[place] for group in ([candidates[0], *starts], others) for place in bisected(len(group))]


def bisected(count: int) -> Iterator[int]:
    """Yield the numbers below `count`: the first, the last, and then always those in the middle of the gaps."""
    yield from range(count)[:1]
    yield from range(count)[1:][-1:]
    gaps = [(0, count - 1)]
    for low, high in gaps:
        middle = (low + high) // 2
        if low < middle < high:
            yield middle
            gaps += [(low, middle), (middle, high)]


def _opening(passage: Passage) -> Passage:
    """Return the first lines of a passage, `OPENING` characters or a little more."""
    size, end = 0, 0
    while end < len(passage.lines) and size < OPENING:
        size += len(passage.lines[end].segment.text)
        end += 1
    return passage if end == len(passage.lines) else replace(passage, lines=passage.lines[:end])


def _by_turns(*orders: Iterable[Candidate]) -> Iterator[Candidate]:
    """Yield one candidate of each order after the other."""
    for group in zip_longest(*orders):
        yield from (each for each in group if each is not None)
