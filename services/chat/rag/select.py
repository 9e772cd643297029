"""Select the best passages that fit into the budget, without repetition, in document order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter, itemgetter

from services.chat.rag.order import Candidate
from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.passages import Passage, Piece
from services.chat.rag.prompt import render_passages
from services.chat.rag.settings import RagSettings
from services.chat.rag.shown import Shown
from services.chat.rag.sources import Source
from services.chat.tokens import Counter

MIN_USEFUL = 24
"""Tokens below which a part of a passage says too little to be shown."""

SEPARATOR = 1
"""Tokens between two passages."""


def select_passages(
    candidates: Iterable[Candidate],
    sources: Sequence[Source],
    budget: int,
    count: Counter,
    rag_settings: RagSettings,
    give_way: Callable[[], None] = do_nothing,
) -> list[Passage]:
    """Return the first of the `candidates` that fit into `budget` tokens, in document order.

    The budget includes the labels of their `sources`. Calls `give_way` every few milliseconds.
    """
    # Two more tokens for the line breaks around a label.
    heads = [count(source.label()) + 2 for source in sources]
    shown = Shown([source.title() for source in sources], rag_settings.rag_dedup_similarity)
    picked: dict[int, Passage] = {}
    titled: set[int] = set()
    best: tuple[int, Passage, int] | None = None
    tokens_left, most = budget, rag_settings.rag_max_paragraphs
    for index, candidate in paced(candidates, give_way, 8):
        best = best or (index, candidate, budget - SEPARATOR - heads[candidate.source])
        rest = _rest(candidate, picked.get(index))
        # Duplicates are removed here and not before, since only what is shown counts.
        passage = shown.unseen_part(rest) if rest and (index in picked or len(picked) < most) else None
        if not passage:
            continue
        room = tokens_left - SEPARATOR - (0 if passage.source in titled else heads[passage.source])
        part, cost = _fitting_part(passage, room, shown, count)
        if part:
            picked[index] = _joined(picked.get(index), part)
            shown.add(part)
            tokens_left = room - cost
            titled.add(passage.source)
        if tokens_left < MIN_USEFUL:
            break
    if best and not picked:
        # A text may be its title, or in a script that costs more tokens a line than there is room for.
        index, passage, room = best
        picked = {index: _beginning(passage, room, count)} if room >= MIN_USEFUL else {}
    result = _in_order(picked, shown)
    # A text may have a few tokens more than its parts.
    while picked and count(render_passages(result, sources)) > budget:
        picked.popitem()
        result = _in_order(picked, shown)
    return result


def _rest(candidate: Passage, part: Passage | None) -> Passage | None:
    """Return what `candidate` has beside the `part` of it that is picked; None for nothing."""
    if part is None:
        return candidate
    known = {line.place for line in part.lines}
    lines = tuple(line for line in candidate.lines if line.place not in known)
    return replace(candidate, lines=lines) if lines else None


def _joined(first: Passage | None, second: Passage) -> Passage:
    """Return two parts of one passage as one."""
    lines = (*first.lines, *second.lines) if first else second.lines
    return replace(second, lines=tuple(sorted(lines, key=attrgetter("place"))))


def _in_order(picked: Mapping[int, Passage], shown: Shown) -> list[Passage]:
    """Return the parts by their index, with what is above each.

    Each heading comes once: the part that has it itself comes before the others.
    """
    done: set[tuple[int, int]] = set()
    result: list[Passage] = []
    for _, part in sorted(picked.items(), key=itemgetter(0)):
        above = shown.above(part, done)
        lines = (*above, *(line for line in part.lines if (part.source, line.place) not in done))
        done.update((part.source, line.place) for line in lines)
        result.append(replace(part, lines=lines))
    return result


def _fitting_part(passage: Passage, room: int, shown: Shown, count: Counter) -> tuple[Passage | None, int]:
    """Return the neighbouring lines of `passage` that fill `room` tokens best, and their tokens; None if none fit."""
    whole = _cost(passage, shown, count)
    if whole <= room:
        return passage, whole
    above = {each.place: each for line in passage.lines for each in line.above}
    inside = room - sum(_tokens(line, count) for line in above.values())
    costs = [_tokens(line, count) for line in passage.lines]
    best_start, best_end, best_tokens, start, used = 0, 0, 0, 0, 0
    for end, cost in enumerate(costs, 1):
        used += cost
        # A sliding window over the lines: the part that fills the room best, wherever it is.
        while used > inside and start < end:
            used -= costs[start]
            start += 1
        if used > best_tokens:
            best_start, best_end, best_tokens = start, end, used
    if best_tokens < MIN_USEFUL:
        return None, 0
    part = replace(passage, lines=passage.lines[best_start:best_end])
    return part, best_tokens + sum(_tokens(line, count) for line in shown.above(part))


def _beginning(passage: Passage, room: int, count: Counter) -> Passage:
    """Return as much of `passage` as fits into `room` tokens: its last line is cut, and nothing is above it."""
    lines: list[Piece] = []
    for line in (each._replace(above=()) for each in passage.lines):
        left = room - sum(_tokens(each, count) for each in lines)
        if _tokens(line, count) > left:
            return replace(passage, lines=(*lines, *_cut(line, left, count)))
        lines.append(line)
    return replace(passage, lines=tuple(lines))


def _cut(line: Piece, room: int, count: Counter) -> tuple[Piece, ...]:
    """Return the beginning of `line` that fits into `room` tokens; nothing if none does."""
    text = line.segment.text
    while text and count(text) >= room:
        shorter = text[: len(text) * 7 // 8]
        text = shorter.rpartition(" ")[0] or shorter
    return (line._replace(segment=line.segment._replace(text=text)),) if text else ()


def _cost(part: Passage, shown: Shown, count: Counter) -> int:
    return count(part.text()) + sum(_tokens(line, count) for line in shown.above(part))


def _tokens(line: Piece, count: Counter) -> int:
    return count(line.segment.text) + max(1, len(line.segment.glue))
