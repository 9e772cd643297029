"""The best passages that fit, without repeating each other, in the order of their documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.chat.rag.clean import idle, paced
from services.chat.rag.passages import Passage
from services.chat.tokens import Counter

SEPARATOR = 2
"""Tokens between two passages."""


def select(
    found: Sequence[Passage],
    scores: Sequence[float],
    budget: int,
    count: Counter,
    heads: Sequence[int],
    similarity: float,
    most: int,
    breathe: Callable[[], None] = idle,
) -> list[int]:
    """Indexes into `found`; `heads` are the tokens that naming each source takes."""
    order = sorted(range(len(found)), key=lambda index: -scores[index])
    picked: list[int] = []
    shingles: set[tuple[str, ...]] = set()
    named: set[int] = set()
    left = budget
    for index in paced(order, breathe, 8):
        passage = found[index]
        own = _shingles(passage)
        if own and len(own & shingles) >= similarity * len(own):
            continue
        cost = count(passage.text()) + SEPARATOR + (0 if passage.source in named else heads[passage.source])
        if cost > left:
            if left < 30: break
            continue
        picked.append(index)
        named.add(passage.source)
        shingles |= own
        left -= cost
        if len(picked) >= most:
            break
    return sorted(picked)


def _shingles(passage: Passage) -> set[tuple[str, ...]]:
    words = [word for line in passage.lines for word in line.words]
    if len(words) < 8:
        words = list("".join(words))
    return set(zip(words, words[1:], words[2:]))
