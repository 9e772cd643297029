"""Pack the segments of a source into passages of a few hundred characters, which are then ranked and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from services.chat.rag import clean
from services.chat.rag.clean import ScoredSegment
from services.chat.rag.pace import do_nothing
from services.chat.rag.segments import segments
from services.chat.rag.words import WORD, count_unspaced

MAX_SNIPPET = 1500
"""Characters (weighted, see `text_size`) up to which a source counts as a snippet: a search engine's excerpt or a
retrieved chunk. Somebody selected it already, so it is never cleaned."""

SNIPPET_SCORE = 3.0
"""Score of every segment of a snippet, in the unit of `clean`: clearly text."""

TARGET_SIZE = 380
"""Characters at which a passage is complete. This is about a paragraph; several such passages fit a small budget."""

MAX_SIZE = 700
"""Characters that a passage never exceeds, unless a single segment does."""

EXTRA_PER_UNSPACED = 0.6
"""What a character of a script without blanks counts in addition to 1, since it says more than a letter."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Neighbouring segments of one source."""

    source: int
    """Index of the source in the request, from 0."""
    lines: tuple[ScoredSegment, ...]
    size: int
    """Characters of its text."""
    quality: float
    """Mean score of its characters, in the unit of `clean`."""

    def text(self) -> str:
        """Return its text, with the separators that it had on the page."""
        return clean.join(line.segment for line in self.lines)


def text_size(text: str) -> float:
    """Return the size of `text` in characters of a script with blanks."""
    return len(text) + EXTRA_PER_UNSPACED * count_unspaced(text)


def is_snippet(text: str) -> bool:
    """Return whether `text` is a snippet. Does not read a text whose length alone is too large."""
    return len(text) <= MAX_SNIPPET and text_size(text) <= MAX_SNIPPET


def score_source(text: str, give_way: Callable[[], None] = do_nothing) -> list[ScoredSegment]:
    """Return the segments of a source with their scores; a snippet is not cleaned."""
    if not is_snippet(text):
        return clean.score_segments(text, give_way)
    return [ScoredSegment(segment, tuple(WORD.findall(segment.text)), SNIPPET_SCORE) for segment in segments(text)]


def pack_passages(source: int, lines: Iterable[ScoredSegment]) -> Iterator[Passage]:
    """Yield the passages of the source with the index `source`, in order, without certain boilerplate."""
    pack: list[ScoredSegment] = []
    size = 0.0
    for line in lines:
        if line.score < clean.CERTAIN_BOILERPLATE:
            continue
        length = text_size(line.segment.text)
        if pack and (size >= TARGET_SIZE or size + length > MAX_SIZE):
            yield _make_passage(source, pack)
            pack, size = [], 0.0
        pack.append(line)
        size += length
    if pack:
        yield _make_passage(source, pack)


def _make_passage(source: int, pack: list[ScoredSegment]) -> Passage:
    size = sum(len(line.segment.text) for line in pack)
    quality = sum(line.score * len(line.segment.text) for line in pack) / size
    return Passage(source, tuple(pack), size, quality)
