"""Select the best passages that fit into the budget, without repetition, in document order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.passages import Passage
from services.chat.rag.settings import RagSettings
from services.chat.rag.shown import Shown
from services.chat.rag.sources import Source
from services.chat.tokens import Counter

MIN_USEFUL = 24
"""Tokens below which a part of a passage says too little to be shown."""

SEPARATOR = 1
"""Tokens between two passages."""


def select_passages(
    passages: Sequence[Passage],
    scores: Sequence[float],
    sources: Sequence[Source],
    budget: int,
    count: Counter,
    rag_settings: RagSettings,
    give_way: Callable[[], None] = do_nothing,
) -> list[Passage]:
    """Return the selected passages, with the highest `scores` first until `budget` tokens are used, in document order.

    The budget includes the labels of their `sources`. Calls `give_way` every few milliseconds.
    """
    order = sorted(range(len(passages)), key=lambda index: -scores[index])
    # Two more tokens for the line breaks around a label.
    heads = [count(source.label()) + 2 for source in sources]
    shown = Shown([source.title() for source in sources], rag_settings.rag_dedup_similarity)
    picked: dict[int, Passage] = {}
    titled: set[int] = set()
    tokens_left = budget
    min_score = max(scores, default=0.0) * rag_settings.rag_min_quality_score / 100
    for index in paced(order, give_way, 8):
        if scores[index] < min_score:
            break
        # Duplicates are removed here and not before, since only what is shown counts.
        passage = shown.unseen_part(passages[index])
        if not passage:
            continue
        room = tokens_left - SEPARATOR - (0 if passage.source in titled else heads[passage.source])
        part, cost = _fitting_part(passage, room, count)
        if part:
            picked[index] = part
            shown.add(part)
            tokens_left = room - cost
            titled.add(passage.source)
        if len(picked) >= rag_settings.rag_max_paragraphs or tokens_left < MIN_USEFUL:
            break
    return [picked[index] for index in sorted(picked)]


def _fitting_part(passage: Passage, room: int, count: Counter) -> tuple[Passage | None, int]:
    """Return the neighbouring lines of `passage` that fill `room` tokens best, and their tokens; None if none fit."""
    whole = count(passage.text())
    if whole <= room:
        return passage, whole
    best_lines, best_tokens, start, used = passage.lines[:0], 0, 0, 0
    costs = [count(line.segment.text) + 1 for line in passage.lines]
    for end, cost in enumerate(costs, 1):
        used += cost
        # A sliding window over the lines: the part that fills the room best, wherever it is.
        while used > room and start < end:
            used -= costs[start]
            start += 1
        if used > best_tokens:
            best_lines, best_tokens = passage.lines[start:end], used
    return (replace(passage, lines=best_lines), best_tokens) if best_tokens >= MIN_USEFUL else (None, 0)
