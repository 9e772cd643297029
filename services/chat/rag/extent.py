"""Measure how much of the sources a prompt has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.chat.rag.passages import Passage
from services.chat.rag.sources import Source

COMPLETE = 0.9
"""Share of a text from which it counts as shown: blanks, repetitions and encoded data are left out of any."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of the sources is in a prompt."""

    documents: tuple[str, ...] = ()
    """The titles of what a person attached."""
    shown: int = 0
    """Characters of the documents in the prompt."""
    total: int = 0
    """Characters of the documents."""
    whole: bool = False
    """Whether the question is about the whole of the documents and nothing else."""
    results: int = 0
    """Results of a search of which nothing is in the prompt."""

    @property
    def complete(self) -> bool:
        """Return whether the prompt has the documents as a whole."""
        return self.shown >= COMPLETE * self.total


def measure_extent(sources: Sequence[Source], selected: Sequence[Passage], whole: bool = False) -> Extent:
    """Return how much of `sources` is `selected`."""
    attached = [source for source in sources if source.attached]
    shown = sum(passage_size(passage) for passage in selected if sources[passage.source].attached)
    used = {passage.source for passage in selected}
    results = sum(not source.attached and number not in used for number, source in enumerate(sources))
    names = tuple(source.title() for source in attached)
    return Extent(names, shown, sum(len(source.text) for source in attached), whole, results)


def passage_size(passage: Passage) -> int:
    """Return the characters of a passage, or of the part of one, with what separates its lines."""
    return sum(len(line.segment.text) + len(line.segment.glue) for line in passage.lines)
