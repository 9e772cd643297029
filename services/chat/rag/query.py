"""What a question is about, as terms with weights, and how the words of a text meet them."""

from __future__ import annotations

from collections.abc import Iterable

from services.chat.rag import function_words
from services.chat.rag.words import WORD, starts_unspaced, stem

NEAR = 0.8
"""How much a word counts that only begins like the asked one."""


def content(text: str) -> list[str]:
    """The terms of `text` that are about something, each once, in order."""
    found: dict[str, None] = {}
    for word in WORD.findall(text.lower()):
        if starts_unspaced(word):
            found.update((pair, None) for pair in _pairs(word))
        elif (term := stem(word)) not in function_words.STEMS and (len(term) > 1 or term.isdigit()):
            found[term] = None
    return list(found)


def _pairs(run: str) -> Iterable[str]:
    for piece in function_words.UNSPACED.split(run):
        yield from (piece[i : i + 2] for i in range(len(piece) - 1))


class Query:
    """Terms with weights; looks up which of them a word meets, remembering the answers."""

    def __init__(self, weights: dict[str, float]) -> None:
        self.weights = weights
        self._known: dict[str, tuple[str, float] | None] = {term: (term, 1.0) for term in weights}
        self._heads: dict[str, list[str]] = {}
        for term in weights:
            if len(term) >= 3 and not term.isdigit() and not starts_unspaced(term):
                self._heads.setdefault(term[:3], []).append(term)

    def hits(self, words: list[str]) -> dict[str, float]:
        """How often each term is met by `words` (as `WORD` finds them); near ones count less."""
        found: dict[str, float] = {}
        for word in words:
            if starts_unspaced(word):
                keys: Iterable[str] = (word[i : i + 2] for i in range(len(word) - 1))
            else:
                keys = (word,)
            for key in keys:
                met = self._known[key] if key in self._known else self._meet(key)
                if met:
                    found[met[0]] = found.get(met[0], 0.0) + met[1]
        return found

    def _meet(self, word: str) -> tuple[str, float] | None:
        term = stem(word.lower())
        met: tuple[str, float] | None = (term, 1.0) if term in self.weights else None
        if not met:
            near = next((asked for asked in self._heads.get(term[:3], ()) if _near(term, asked)), None)
            met = (near, NEAR) if near else None
        self._known[word] = met
        return met


def _near(one: str, other: str) -> bool:
    """Whether one word is the other with a short ending: dog and dogs, Land and Länder."""
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and len(long) - len(short) <= (1 if len(short) < 4 else 2)
