"""Passages of a few hundred characters, the units that are ranked and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from services.chat.rag import clean
from services.chat.rag.clean import Line, idle
from services.chat.rag.segments import segments
from services.chat.rag.words import WORD, unspaced

SNIPPET = 1500
"""Size up to which a source is a search engine's excerpt or a retrieved chunk: chosen already, never cleaned."""

SNIPPET_SCORE = 3.0

TARGET = 380
"""Characters of a passage: a paragraph's worth, so that a small budget still holds several."""

LONGEST = 700

DENSE = 0.6
"""What a character of scripts without blanks counts beyond one: it says more than a letter."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Neighbouring lines of one source."""

    source: int
    lines: tuple[Line, ...]
    size: int
    """Characters."""
    quality: float
    """Mean score of its characters."""

    def text(self) -> str:
        return clean.joined(line.segment for line in self.lines)


def weight(text: str) -> float:
    """Its size: characters, as many as a script with blanks would need."""
    return len(text) + DENSE * unspaced(text)


def is_snippet(text: str) -> bool:
    """Whether `text` is an excerpt. Looks no further than it must."""
    return len(text) <= SNIPPET and weight(text) <= SNIPPET


def scored(text: str, breathe: Callable[[], None] = idle) -> list[Line]:
    """The lines of a source; those of a snippet all count as text."""
    if not is_snippet(text):
        return clean.lines(text, breathe)
    return [Line(segment, WORD.findall(segment.text), SNIPPET_SCORE) for segment in segments(text)]


def passages(source: int, lines: Iterable[Line]) -> Iterator[Passage]:
    """The lines packed to passages in order; certain junk is left out."""
    pack: list[Line] = []
    size = 0.0
    for line in lines:
        if line.score < clean.JUNK:
            continue
        length = weight(line.segment.text)
        if pack and (size >= TARGET or size + length > LONGEST):
            yield _passage(source, pack)
            pack, size = [], 0.0
        pack.append(line)
        size += length
    if pack:
        yield _passage(source, pack)


def _passage(source: int, pack: list[Line]) -> Passage:
    size = sum(len(line.segment.text) for line in pack)
    quality = sum(line.score * len(line.segment.text) for line in pack) / size
    return Passage(source, tuple(pack), size, quality)
