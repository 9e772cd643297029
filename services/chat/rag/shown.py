"""Remember what the prompt shows already, so that no title, line or near-duplicate appears twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace

from services.chat.rag.passages import Passage, Piece, text_size
from services.chat.rag.words import WORD

MIN_UNIQUE = 20
"""Characters below which a line may appear twice: a short table cell means something else in each row."""


class Shown:
    """Track the lines, word triples and numbers that the prompt has so far."""

    def __init__(self, titles: Sequence[str], similarity: float) -> None:
        """Take the titles of the sources, and the share of shown word triples that makes a passage a duplicate."""
        self._similarity = similarity
        self._titles = [_folded(WORD.findall(title)) for title in titles]
        self._lines: set[str] = set()
        self._triples: set[tuple[str, ...]] = set()
        self._numbers: set[str] = set()
        self._places: set[tuple[int, int]] = set()

    def unseen_part(self, passage: Passage) -> Passage | None:
        """Return the lines of `passage` that are not shown yet; None if there are none or it is a duplicate."""
        seen: set[str] = set()
        # A heading that is repeated has another text below it, or above it a table of contents.
        lines = tuple(
            line
            for line in passage.lines
            if self.is_no_title(line, passage.source) and (line.segment.heading or self._is_new(line, seen))
        )
        rest = passage if len(lines) == len(passage.lines) else replace(passage, lines=lines)
        return rest if lines and not self._repeats(rest) else None

    def is_no_title(self, line: Piece, source: int) -> bool:
        """Return whether `line` says something else than the title of its source."""
        return _folded(line.words) != self._titles[source]

    def add(self, passage: Passage) -> None:
        """Record that `passage` is shown, with what is above it."""
        self._places.update((passage.source, line.place) for line in (*self.above(passage), *passage.lines))
        self._lines.update(key for line in passage.lines if (key := _key(line)))
        self._triples |= _triples(passage)
        self._numbers |= _numbers(passage)

    def above(self, passage: Passage, done: Set[tuple[int, int]] | None = None) -> list[Piece]:
        """Return the lines above `passage` that are not in it, not shown, and no title of its source.

        `done` replaces the lines that are shown, each given by its source and its place.
        """
        known = self._places if done is None else done
        own = {line.place for line in passage.lines}
        return [
            line
            for line in passage.lines[0].above
            if line.place not in own and (passage.source, line.place) not in known
            if self.is_no_title(line, passage.source)
        ]

    def _is_new(self, line: Piece, seen: set[str]) -> bool:
        """Return whether `line` is neither shown nor in `seen`, and add it to `seen`: a passage may repeat itself."""
        key = _key(line)
        if key is None:
            return True
        new = key not in self._lines and key not in seen
        seen.add(key)
        return new

    def _repeats(self, passage: Passage) -> bool:
        seen = _triples(passage)
        same = _numbers(passage) <= self._numbers and len(seen & self._triples) >= self._similarity * len(seen)
        return bool(seen) and same


def _key(line: Piece) -> str | None:
    """Return what is equal for equal lines; None for a line that may appear twice."""
    return _folded(line.words) if text_size(line.segment.text) >= MIN_UNIQUE else None


def _folded(words: Iterable[str]) -> str:
    return "".join(words).lower()


def _numbers(passage: Passage) -> set[str]:
    """Return the numbers in `passage`: a copy with another number is no duplicate, since it says something else."""
    return {word for line in passage.lines for word in line.words if word.isdigit()}


def _triples(passage: Passage) -> set[tuple[str, ...]]:
    words = [word for line in passage.lines for word in line.words]
    # In scripts without blanks a passage has few words; its characters are compared instead.
    if len(words) < 8:
        words = list("".join(words))
    return set(zip(words, words[1:], words[2:], strict=False))
