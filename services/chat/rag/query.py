"""Turn a question into weighted terms, and count how often the words of a text match them."""

from __future__ import annotations

from collections.abc import Iterable

from services.chat.rag import function_words
from services.chat.rag.words import WORD, starts_unspaced, stem

PREFIX_WEIGHT = 0.8
"""Weight of a word that differs from a term by a short ending only (`_is_ending_variant`); an exact match counts 1."""


def content_terms(text: str) -> list[str]:
    """Return the terms of `text` that carry a topic, each once, in order."""
    terms: dict[str, None] = {}
    for word in WORD.findall(text.lower()):
        if starts_unspaced(word):
            terms.update((pair, None) for pair in _pairs(word))
        # A single letter carries no topic, but a single digit may be the year or the version.
        elif (term := stem(word)) not in function_words.STEMS and (len(term) > 1 or term.isdigit()):
            terms[term] = None
    return list(terms)


def _pairs(run: str) -> Iterable[str]:
    for piece in function_words.UNSPACED.split(run):
        yield from (piece[i : i + 2] for i in range(len(piece) - 1))


class Query:
    """Match words to weighted terms. Each result is stored, since the same words come again and again."""

    def __init__(self, weights: dict[str, float]) -> None:
        """Take the weight of each term."""
        self.weights = weights
        self._known: dict[str, tuple[str, float] | None] = {term: (term, 1.0) for term in weights}
        self._heads: dict[str, list[str]] = {}
        for term in weights:
            # Only words of three letters or more can be variants; this index makes the look-up cheap.
            if len(term) >= 3 and not term.isdigit() and not starts_unspaced(term):
                self._heads.setdefault(term[:3], []).append(term)

    def hits(self, words: list[str]) -> dict[str, float]:
        """Return how often `words` match each term; `words` are matches of `WORD`. Variants count `PREFIX_WEIGHT`."""
        counts: dict[str, float] = {}
        for word in words:
            if starts_unspaced(word):
                keys: Iterable[str] = (word[i : i + 2] for i in range(len(word) - 1))
            else:
                keys = (word,)
            for key in keys:
                match = self._known[key] if key in self._known else self._match(key)
                if match:
                    counts[match[0]] = counts.get(match[0], 0.0) + match[1]
        return counts

    def _match(self, word: str) -> tuple[str, float] | None:
        term = stem(word.lower())
        match: tuple[str, float] | None = (term, 1.0) if term in self.weights else None
        if not match:
            variant = next(
                (candidate for candidate in self._heads.get(term[:3], ()) if _is_ending_variant(term, candidate)), None
            )
            match = (variant, PREFIX_WEIGHT) if variant else None
        self._known[word] = match
        return match


def _is_ending_variant(first: str, second: str) -> bool:
    """Return whether one word is the other with a short ending: dog and dogs, Land and Länder."""
    short, long = sorted((first, second), key=len)
    return long.startswith(short) and len(long) - len(short) <= (1 if len(short) < 4 else 2)
