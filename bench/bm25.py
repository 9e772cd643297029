"""Select passages by BM25 alone (Robertson and Zaragoza, 2009): what the pipeline for sources is compared with.

The words are neither folded nor weighed, and nothing is known of the text: lines are put together to passages of about
`TARGET` characters, and the best ones are taken until the budget is used, in the order of the text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from services.chat.tokens import estimate_tokens

TARGET = 400
"""Characters of a passage, about."""

K1, B = 1.5, 0.75
"""The usual weights of repeated words and of the length of a passage."""

BETWEEN = 2
"""Tokens that stand between two passages."""

MIN_ROOM = 20
"""Tokens below which no room is left."""

_SENTENCE_END = re.compile(r"(?<=[.!?\u061f\u0964])\s+|(?<=[\u3002\uff01\uff1f])")
_WORD = re.compile(r"[^\W_]+")
_is_unspaced = re.compile("[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]").search
"""Finds a character of Chinese, Japanese or Thai, of which pairs are compared."""


def select(question: str, texts: Iterable[str], budget: int) -> str:
    """Return the passages of `texts` that fit a question best, in `budget` tokens."""
    passages = list(dict.fromkeys(passage for text in texts for passage in cut(text)))
    ranks = scores(words(question), [words(passage) for passage in passages])
    taken = []
    for index in sorted(range(len(passages)), key=ranks.__getitem__, reverse=True):
        size = estimate_tokens(passages[index]) + BETWEEN
        if size <= budget:
            taken.append(index)
            budget -= size
        if budget < MIN_ROOM:
            break
    return "\n\n".join(passages[index] for index in sorted(taken))


def cut(text: str) -> Iterator[str]:
    """Yield the passages of `text`: lines, or sentences of long lines, put together."""
    passage = ""
    for piece in (piece for line in text.splitlines() for piece in pieces(" ".join(line.split()))):
        if passage and len(passage) + len(piece) > TARGET:
            yield passage
            passage = ""
        passage = f"{passage}\n{piece}" if passage else piece
    if passage:
        yield passage


def pieces(line: str) -> list[str]:
    """Return a line, or the sentences of a long one; of a long sentence, parts of `TARGET` characters."""
    sentences = [line] if len(line) <= TARGET else _SENTENCE_END.split(line)
    return [each[start : start + TARGET] for each in sentences for start in range(0, len(each), TARGET)]


def words(text: str) -> list[str]:
    """Return the words of `text` in lower case; of a script without blanks, pairs of characters."""
    found: list[str] = []
    plain = _WORD.findall(text.lower())
    if not _is_unspaced(text):
        return plain
    for word in plain:
        found += [word[start : start + 2] for start in range(max(1, len(word) - 1))] if _is_unspaced(word) else [word]
    return found


def scores(asked: Iterable[str], passages: Sequence[Sequence[str]]) -> list[float]:
    """Return the BM25 score of each passage for the words of a question; 0 without a common word."""
    counts = [Counter(passage) for passage in passages]
    frequency = Counter(word for count in counts for word in count)
    mean = sum(map(len, passages)) / max(1, len(passages))
    rare = {word: math.log(1 + (len(passages) - frequency[word] + 0.5) / (frequency[word] + 0.5)) for word in asked}
    return [
        sum(
            weight * count[word] * (K1 + 1) / (count[word] + K1 * (1 - B + B * len(passage) / mean))
            for word, weight in rare.items()
            if count[word]
        )
        for passage, count in zip(passages, counts, strict=True)
    ]
