"""Read a long document in parts: plan the parts, in which order they are read, and what stands for them in the end.

A question about the whole of a document that does not fit needs all of it. So the model itself writes notes about each
part, and the notes stand for the document (map, then reduce). Where time ends first, the parts without notes are
represented by an overview of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.chat.rag.aim import needs_wording
from services.chat.rag.decision import Decision
from services.chat.rag.order import bisected
from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.passages import Passage, cut_source, text_size
from services.chat.rag.query import gist
from services.chat.rag.settings import ModelFacts
from services.chat.tokens import Counter

LARGEST_PART = 2000
"""Tokens of a part at most: small models overlook much of a longer text."""

SMALLEST_PART = 400
"""Tokens of a part at least: the notes about less are hardly shorter than it."""

UNMEASURED_PART = 1000
"""Tokens of a part at most where nobody knows how fast the model reads."""

PARTS_IN_TIME = 3
"""Parts that there is time for, if a part can be so short."""

READING_SHARE = 0.5
"""Share of the time that goes to reading; the rest goes to writing the notes."""

SHORTEST_NOTES, LONGEST_NOTES = 48, 160
"""Tokens of the notes about a part."""

OVERHEAD = 256
"""Tokens of the prompt around a part, and of the model's own system prompt."""

WORTHWHILE = 2
"""Documents have so many times the tokens that fit, at least. Of shorter ones, half of the text says more than notes."""

MARGIN = 10
"""One of so many tokens is left for the labels of the sources and the ends of lines."""

LINE = 120
"""Characters (weighted, see `text_size`) of a passage from which its beginning stands for it in an overview of a part."""


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """How a document is read."""

    part_tokens: int
    """Tokens of a part."""
    note_tokens: int
    """Tokens that the notes about it may have."""


def is_to_be_read(decision: Decision, question: str) -> bool:
    """Return whether notes about all parts answer `question` better than what fits of the documents."""
    extent = decision.extent
    return decision.used and extent.whole and not extent.complete and not needs_wording(gist(question))


def plan_reading(total: int, room: int, model: ModelFacts, seconds: float) -> ReadingPlan | None:
    """Return how documents of `total` tokens are read in `seconds` to notes that fit into `room` tokens.

    None if that shows the model no more of them than fits there anyway, or little more.
    """
    readable = model.prefill_speed * seconds * READING_SHARE if model.prefill_speed else math.inf
    if readable <= room or total < WORTHWHILE * room:
        return None
    wanted = UNMEASURED_PART if readable == math.inf else max(SMALLEST_PART, int(readable / PARTS_IN_TIME))
    size = min(wanted, model.context_length - OVERHEAD - LONGEST_NOTES, LARGEST_PART)
    if size < SMALLEST_PART:
        return None
    shown = min(fitting_parts(room), math.ceil(total / size))
    read = min(shown, math.ceil(min(total, readable) / size))
    # The beginning of a part that is not read takes as much room as the shortest notes.
    fitting = (room - room // MARGIN - (shown - read) * SHORTEST_NOTES) // read
    return ReadingPlan(size, min(LONGEST_NOTES, max(SHORTEST_NOTES, fitting)))


def fitting_parts(room: int) -> int:
    """Return how many parts can be shown in `room` tokens, at least 1."""
    return max(1, (room - room // MARGIN) // SHORTEST_NOTES)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a document."""

    text: str
    beginnings: tuple[str, ...]
    """The first words of its passages, of which an overview is made while there are no notes about it."""

    def overview(self, room: int, count: Counter) -> str:
        """Return the beginnings that fit into `room` tokens, evenly spread, in order; the first one in any case."""
        picked: list[int] = []
        for number in bisected(len(self.beginnings)):
            room -= count(self.beginnings[number]) + 1
            if picked and room < 0:
                break
            picked.append(number)
        return "\n".join(self.beginnings[number] for number in sorted(picked))


def cut_parts(text: str, size: int, count: Counter, give_way: Callable[[], None] = do_nothing) -> tuple[Part, ...]:
    """Return the parts of a document, of about `size` tokens each."""
    passages = cut_source(0, text, give_way).passages
    costs = [count(passage.text()) for passage in paced(passages, give_way)]
    target = sum(costs) / max(1, math.ceil(sum(costs) / size))
    groups: list[list[Passage]] = []
    used = 0.0
    for passage, cost in zip(passages, costs, strict=True):
        # Each part ends where its share of the whole ends, so the last one is no shorter than the others.
        if not groups or used + cost / 2 > len(groups) * target:
            groups.append([])
        groups[-1].append(passage)
        used += cost
    return tuple(
        Part("\n".join(passage.text() for passage in group), tuple(map(_beginning, group))) for group in groups
    )


def reading_order(parts: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Return the `most` parts that are read and shown: pairs of the index of a document and of a part of it.

    `parts` are the numbers of parts of the documents. The first comes first, then the last, then always the middle of
    a gap, so whenever time ends, what was read is spread evenly. Documents take turns.
    """
    turns = sorted(
        (turn, number, part) for number, size in enumerate(parts) for turn, part in enumerate(bisected(size))
    )
    return [(number, part) for _, number, part in turns[:most]]


def whole_lines(text: str, ended: bool) -> str:
    """Return notes without blank lines, and unless they `ended` by themselves, without a last line that is cut off."""
    lines = text.strip().splitlines()
    complete = lines if ended or len(lines) < 2 else lines[:-1]
    return "\n".join(line.strip() for line in complete if line.strip())


def _beginning(passage: Passage) -> str:
    """Return the first `LINE` characters of a passage."""
    text = passage.text()[:LINE]
    return text[: int(LINE * len(text) / text_size(text))]
