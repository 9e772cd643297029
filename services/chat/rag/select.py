"""The best passages that fit, without repeating what is shown, in the order of their documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from services.chat.rag.clean import idle, paced
from services.chat.rag.passages import Passage
from services.chat.rag.settings import RagSettings
from services.chat.rag.shown import Shown
from services.chat.rag.sources import Source
from services.chat.tokens import Counter

SCRAP = 24
"""Tokens that are too few to say anything."""

SEPARATOR = 1
"""Tokens between two passages."""


def select(
    found: Sequence[Passage],
    scores: Sequence[float],
    sources: Sequence[Source],
    budget: int,
    count: Counter,
    rag_settings: RagSettings,
    breathe: Callable[[], None] = idle,
) -> list[Passage]:
    """The picked ones of `found`, which `scores` rank; with the names of their `sources` they take at most `budget`
    tokens.
    """
    order = sorted(range(len(found)), key=lambda index: -scores[index])
    heads = [count(source.label()) + 2 for source in sources]
    shown = Shown([source.title() for source in sources], rag_settings.rag_dedup_similarity)
    picked: dict[int, Passage] = {}
    named: set[int] = set()
    left = budget
    least = max(scores, default=0.0) * rag_settings.rag_min_quality_score / 100
    for index in paced(order, breathe, 8):
        if scores[index] < least:
            break
        passage = shown.news(found[index])
        if not passage:
            continue
        room = left - SEPARATOR - (0 if passage.source in named else heads[passage.source])
        fits, cost = _fitting(passage, room, count)
        if fits:
            picked[index] = fits
            shown.add(fits)
            left = room - cost
            named.add(passage.source)
        if len(picked) >= rag_settings.rag_max_paragraphs or left < SCRAP:
            break
    return [picked[index] for index in sorted(picked)]


def _fitting(passage: Passage, room: int, count: Counter) -> tuple[Passage | None, int]:
    """The most neighbouring lines of `passage` that fit into `room` tokens, and what they take."""
    whole = count(passage.text())
    if whole <= room:
        return passage, whole
    best, most, start, used = passage.lines[:0], 0, 0, 0
    costs = [count(line.segment.text) + 1 for line in passage.lines]
    for end, cost in enumerate(costs, 1):
        used += cost
        while used > room and start < end:
            used -= costs[start]
            start += 1
        if used > most:
            best, most = passage.lines[start:end], used
    return (replace(passage, lines=best), most) if most >= SCRAP else (None, 0)
