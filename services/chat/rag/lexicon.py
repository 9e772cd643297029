"""Look words up in a list that has them with any ending, and in scripts without blanks between words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.chat.rag.function_words import character_weights
from services.chat.rag.words import fold, starts_unspaced


@dataclass(frozen=True, slots=True)
class Lexicon:
    """A list of words in lower case, with or without their accents."""

    words: frozenset[str]
    beginnings: frozenset[str]
    """What its words with any ending begin with."""
    longest: int
    """Letters of the longest beginning."""
    unspaced: re.Pattern[str]
    """Its words in scripts without blanks."""

    @classmethod
    def of(cls, text: str) -> Lexicon:
        """Return the list of the words in `text`, where a star stands for any ending."""
        words = [word if starts_unspaced(word) else fold(word) for word in text.split()]
        beginnings = frozenset(word[:-1] for word in words if word.endswith("*"))
        pieces = sorted({re.escape(word) for word in words if starts_unspaced(word)}, key=len, reverse=True)
        whole = frozenset(word for word in words if not word.endswith("*") and not starts_unspaced(word))
        return cls(whole, beginnings, max(map(len, beginnings), default=0), re.compile("|".join(pieces)))

    def __contains__(self, word: object) -> bool:
        """Return whether a word of a script with blanks is in the list."""
        if not isinstance(word, str):
            return False
        plain = fold(word)
        sizes = range(1, min(len(plain), self.longest) + 1)
        return plain in self.words or any(plain[:size] in self.beginnings for size in sizes)

    def has_part_of(self, word: str) -> bool:
        """Return whether a word is in the list, or for a run of a script without blanks, whether a part of it is."""
        return bool(self.unspaced.search(word)) if starts_unspaced(word) else word in self

    def without(self, run: str) -> str:
        """Return a run of a script without blanks with a blank in place of each word of the list."""
        return self.unspaced.sub(" ", run)


_has_kana = re.compile("[\u3040-\u30ff]").search
_is_kanji = re.compile("[\u3400-\u9fff]").match


def topical(run: str) -> list[str]:
    """Return the pieces of a run of a script without blanks that carry a topic.

    They have two characters or more, but in Japanese a single Chinese character is a word.
    """
    parts = run.split()
    marked = (
        "".join(char if weight == 1 else " " for char, weight in zip(part, character_weights(part), strict=True))
        for part in parts
    )
    japanese = bool(_has_kana(run))
    return [piece for part in marked for piece in part.split() if len(piece) > 1 or (japanese and _is_kanji(piece))]
