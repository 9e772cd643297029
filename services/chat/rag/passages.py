"""Pack the segments of a source to passages of a few hundred characters, which are then ranked and shown.

A heading begins a passage. Each segment knows the headings above it, and the first row of its table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.chat.rag.layout import read_layout
from services.chat.rag.outline import Section, find_sections
from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.segments import MAX_UNCUT, Segment, join
from services.chat.rag.tables import is_header
from services.chat.rag.words import count_unspaced, find_words

MAX_SNIPPET = 1500
"""Characters (weighted, see `text_size`) up to which a source counts as a snippet: a search engine's excerpt or a
retrieved chunk."""

TARGET_SIZE = 380
"""Characters at which a passage is complete. This is about a paragraph; several such passages fit a small budget."""

MAX_SIZE = 700
"""Characters that a passage never exceeds, unless a single segment does."""

MIN_SIZE = 120
"""Characters below which a passage goes on behind the next heading: a list of short sections is one."""

MIN_CONTENT = 40
"""Characters from which a line of prose counts as content, and not as an item of a menu."""

MAX_PATH = 3
"""Headings above a segment that are shown, the innermost ones."""

INTRODUCES = (":", "\uff1a")
"""What a line ends with that introduces a list."""

EXTRA_PER_UNSPACED = 0.6
"""What a character of a script without blanks counts in addition to 1, since it says more than a letter."""


class Piece(NamedTuple):
    """A segment in its source."""

    segment: Segment
    place: int
    """Its index among the segments of the source."""
    above: tuple[Piece, ...] = ()
    """The headings above it, outermost first, and the first row of its table: what it needs to be understood."""

    @property
    def words(self) -> list[str]:
        """Return its words. They are not stored, because most segments are never asked for them."""
        return find_words(self.segment.text)


@dataclass(frozen=True, slots=True)
class Passage:
    """Neighbouring segments of one source."""

    source: int
    """Index of the source in the request, from 0."""
    lines: tuple[Piece, ...]
    size: int
    """Characters of its text."""
    content: float = 1.0
    """Share of its characters that are not in short lines of prose, 0 to 1: a menu has only such lines."""

    def text(self) -> str:
        """Return its text, with the separators that it had on the page."""
        return join(line.segment for line in self.lines)


@dataclass(frozen=True, slots=True)
class Cut:
    """A source that was cut."""

    passages: list[Passage]
    segments: Sequence[Segment]
    sections: list[Section]
    left_out: int
    """Characters of encoded data that are not in it."""


def text_size(text: str) -> float:
    """Return the size of `text` in characters of a script with blanks."""
    return len(text) + EXTRA_PER_UNSPACED * count_unspaced(text)


def is_snippet(text: str) -> bool:
    """Return whether `text` is a snippet. Does not read a text whose length alone is too large."""
    return len(text) <= MAX_SNIPPET and text_size(text) <= MAX_SNIPPET


def cut_source(source: int, text: str, give_way: Callable[[], None] = do_nothing) -> Cut:
    """Return the passages of the source with the index `source`. Calls `give_way` every few milliseconds."""
    layout = read_layout(text, give_way)
    sections = find_sections(layout.segments, give_way)
    pieces = paced(_pieces(layout.segments, sections), give_way)
    return Cut(list(_pack(source, pieces)), layout.segments, sections, layout.left_out)


def _pieces(segments: Sequence[Segment], sections: Sequence[Section]) -> Iterator[Piece]:
    """Yield `segments` with what is above them."""
    begins = {section.first: index for index, section in enumerate(sections)}
    paths: dict[int, tuple[Piece, ...]] = {-1: ()}
    current = -1
    before: Piece | None = None
    lead: tuple[Piece, ...] = ()
    for place, segment in enumerate(segments):
        if place in begins:
            current = begins[place]
            paths[current] = paths[sections[current].parent]
        changes = not before or segment.role != before.segment.role
        lead = _lead(before, segment) if changes else lead
        piece = Piece(segment, place, (*paths[current], *lead))
        yield piece
        if segment.role == "heading":
            paths[current] = (*paths[current], piece)[-MAX_PATH:]
        elif changes and segment.role == "row" and place + 1 < len(segments):
            lead = (piece,) if is_header(segment.text, segments[place + 1].text) else ()
        before = piece


def _lead(before: Piece | None, segment: Segment) -> tuple[Piece, ...]:
    """Return what introduces a list: the end of the text before its first item."""
    introduces = before and segment.role == "item" and before.segment.text.endswith(INTRODUCES)
    return (before,) if before and introduces and len(before.segment.text) <= MAX_UNCUT else ()


def _pack(source: int, pieces: Iterable[Piece]) -> Iterator[Passage]:
    """Yield the passages of `pieces`, in order. A heading begins one, or goes with what follows it."""
    pack: list[Piece] = []
    size = 0.0
    for piece in pieces:
        length = text_size(piece.segment.text)
        is_heading = piece.segment.role == "heading"
        if pack and (size >= TARGET_SIZE or size + length > MAX_SIZE or (is_heading and size >= MIN_SIZE)):
            kept = pack[-1:] if len(pack) > 1 and pack[-1].segment.role == "heading" else []
            yield _make_passage(source, pack[: len(pack) - len(kept)])
            pack, size = kept, sum(text_size(each.segment.text) for each in kept)
        pack.append(piece)
        size += length
    if pack:
        yield _make_passage(source, pack)


def _make_passage(source: int, pack: list[Piece]) -> Passage:
    size = sum(len(piece.segment.text) for piece in pack)
    content = sum(len(piece.segment.text) for piece in pack if not _is_short_prose(piece.segment))
    return Passage(source, tuple(pack), size, content / size)


def _is_short_prose(segment: Segment) -> bool:
    return len(segment.text) < MIN_CONTENT and segment.role == "prose" and text_size(segment.text) < MIN_CONTENT
