"""The best passages that fit, without repeating each other, in the order of their documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from services.chat.rag.clean import Line, idle, paced
from services.chat.rag.knobs import Knobs
from services.chat.rag.passages import Passage
from services.chat.tokens import Counter

SCRAP = 24
"""Tokens that are too few to say anything."""

SEPARATOR = 1
"""Tokens between two passages."""


def select(
    found: Sequence[Passage],
    scores: Sequence[float],
    budget: int,
    count: Counter,
    heads: Sequence[int],
    knobs: Knobs,
    breathe: Callable[[], None] = idle,
) -> list[Passage]:
    """The picked ones; `heads` are the tokens that naming each source takes."""
    order = sorted(range(len(found)), key=lambda index: -scores[index])
    picked: dict[int, Passage] = {}
    shingles: set[tuple[str, ...]] = set()
    numbers: set[str] = set()
    named: set[int] = set()
    left = budget
    least = max(scores, default=0.0) * knobs.rag_min_quality_score / 100
    for index in paced(order, breathe, 8):
        if scores[index] < least:
            break
        passage = found[index]
        own, figures = _shingles(passage), _numbers(passage)
        if own and figures <= numbers and len(own & shingles) >= knobs.rag_dedup_similarity * len(own):
            continue
        room = left - SEPARATOR - (0 if passage.source in named else heads[passage.source])
        fits, cost = _fitting(passage, room, count)
        if fits:
            picked[index] = fits
            shingles |= own
            numbers |= figures
            left = room - cost
            named.add(passage.source)
        if len(picked) >= knobs.rag_max_paragraphs or left < SCRAP:
            break
    return [picked[index] for index in sorted(picked)]


def _fitting(passage: Passage, room: int, count: Counter) -> tuple[Passage | None, int]:
    """As many lines from the start of `passage` as fit into `room` tokens, and what they take."""
    whole = count(passage.text())
    if whole <= room:
        return passage, whole
    taken: list[Line] = []
    used = 0
    for line in passage.lines:
        cost = count(line.segment.text) + 1
        if used + cost > room:
            break
        taken.append(line)
        used += cost
    return (replace(passage, lines=tuple(taken)), used) if used >= SCRAP else (None, 0)


def _numbers(passage: Passage) -> set[str]:
    """A copy with another number says something else."""
    return {word for line in passage.lines for word in line.words if word.isdigit()}


def _shingles(passage: Passage) -> set[tuple[str, ...]]:
    words = [word for line in passage.lines for word in line.words]
    if len(words) < 8:
        words = list("".join(words))
    return set(zip(words, words[1:], words[2:], strict=False))
