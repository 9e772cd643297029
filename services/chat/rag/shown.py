"""What a prompt says already, so that nothing is said twice: titles, lines, and passages in nearly the same words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from services.chat.rag.clean import Line
from services.chat.rag.passages import Passage, weight
from services.chat.rag.words import WORD

ROW = 20
"""Characters below which a line may be repeated: the same short cell of a table says something else in every row."""


class Shown:
    """The lines that a prompt has so far."""

    def __init__(self, titles: Sequence[str], similarity: float) -> None:
        """`titles` are those of the sources; `similarity` is the share of a passage's word triples that makes it a
        duplicate.
        """
        self._similarity = similarity
        self._titles = [_folded(WORD.findall(title)) for title in titles]
        self._lines: set[str] = set()
        self._triples: set[tuple[str, ...]] = set()
        self._numbers: set[str] = set()

    def news(self, passage: Passage) -> Passage | None:
        """What `passage` has that is not shown yet, or `None`."""
        own = {self._titles[passage.source]}
        lines = tuple(line for line in passage.lines if self._is_new(line, own))
        rest = passage if len(lines) == len(passage.lines) else replace(passage, lines=lines)
        return rest if lines and not self._repeats(rest) else None

    def add(self, passage: Passage) -> None:
        self._lines.update(key for line in passage.lines if (key := _key(line)))
        self._triples |= _triples(passage)
        self._numbers |= _numbers(passage)

    def _is_new(self, line: Line, own: set[str]) -> bool:
        """Whether `line` is neither shown nor among its passage's `own`, where it is from now on."""
        key = _key(line)
        if key is None:
            return True
        new = key not in self._lines and key not in own
        own.add(key)
        return new

    def _repeats(self, passage: Passage) -> bool:
        own = _triples(passage)
        same = _numbers(passage) <= self._numbers and len(own & self._triples) >= self._similarity * len(own)
        return bool(own) and same


def _key(line: Line) -> str | None:
    """What makes a line the same as another; `None` for one that may come again."""
    return _folded(line.words) if weight(line.segment.text) >= ROW else None


def _folded(words: Iterable[str]) -> str:
    return "".join(words).lower()


def _numbers(passage: Passage) -> set[str]:
    """A copy with another number says something else."""
    return {word for line in passage.lines for word in line.words if word.isdigit()}


def _triples(passage: Passage) -> set[tuple[str, ...]]:
    words = [word for line in passage.lines for word in line.words]
    if len(words) < 8:
        words = list("".join(words))
    return set(zip(words, words[1:], words[2:], strict=False))
