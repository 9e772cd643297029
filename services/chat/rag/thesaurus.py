"""Find what else a question's words may be called: other words of the same language, and those of eleven others.

The list is `thesaurus.txt`, written for this project: a concept per line, with its words in twelve languages. It has
the words of a household and of an encyclopedia that people ask with; what is not in it matches by its letters alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Set
from functools import cache
from itertools import chain
from pathlib import Path

from services.chat.rag.function_words import QUESTION_WEIGHT, character_weights, weight
from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.words import STEM_LENGTH, WORD, fold, grams, shorter_forms, starts_unspaced, stem

LANGUAGES = ("en", "de", "es", "fr", "it", "pt", "ru", "tr", "ar", "hi", "zh", "ja")
"""The languages of the fields of a line (ISO 639-1)."""

FILES = ("thesaurus.txt", "countries.txt")
"""The lists, beside this module."""

LONGEST_RUN = 5
"""Characters of the longest word in the list that is written without blanks."""

LONGEST_COMPOUND = 40
"""Letters of a word that may be a compound; a longer one is an address or no word."""

WORDS_PER_SLICE = 4
"""Words of a text that are looked up between two breaths."""

MIN_PART = 4
"""Letters of the first part of a compound."""


class Thesaurus:
    """Concepts, each with its words by language. Making it takes about 0.2 s."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Take the concepts, one per line: fields between bars, words between blanks."""
        self._concepts = list(lines)
        places: dict[str, list[int]] = defaultdict(list)
        for number, line in enumerate(self._concepts):
            for key in dict.fromkeys(map(_key, line.replace("|", " ").split())):
                places[key].append(number)
        # Tuples take half of the memory.
        self._places = {key: tuple(numbers) for key, numbers in places.items()}

    def concepts_in(self, text: str, languages: Set[str], give_way: Callable[[], None] = do_nothing) -> dict[int, int]:
        """Return the numbers of the concepts that `text` names, each with how many its word may mean.

        `languages` are those that the text may be in; none says that it may be in any. Calls `give_way` every few
        milliseconds.
        """
        found: dict[int, int] = {}
        for word in paced(WORD.findall(text.lower()), give_way, WORDS_PER_SLICE):
            for key in self._keys_of(word):
                meant = self._meant(word, key, languages)
                for number in meant:
                    found[number] = min(len(meant), found.get(number, len(meant)))
        return found

    def terms_of(self, number: int, languages: Set[str]) -> Iterator[tuple[str, float]]:
        """Yield the terms of a concept's words in `languages`, and which share of its word each is."""
        for word in self._words(number, languages):
            parts = grams(word) if starts_unspaced(word) else [stem(word)]
            yield from ((part, 1 / len(parts)) for part in parts)

    def _meant(self, word: str, key: str, languages: Set[str]) -> list[int]:
        """Return the concepts that have a word like the part of `word` with the `key`: those with the most alike."""
        part = fold(word)
        part = part[max(0, part.find(key)) :]
        alike = {number: self._likeness(number, key, part, languages) for number in self._places[key]}
        most = max(alike.values())
        return [number for number, letters in alike.items() if letters == most >= 0]

    def _likeness(self, number: int, key: str, part: str, languages: Set[str]) -> int:
        """Return how many letters at its beginning a concept's word with this key shares with `part`; -1 if it has none."""
        words = (fold(word.lower()) for word in self._words(number, languages) if _key(word) == key)
        return max((_shared(word, part) for word in words), default=-1)

    def _words(self, number: int, languages: Set[str]) -> Iterator[str]:
        """Yield the words of a concept in `languages`, or in all if there are none."""
        for language, field in zip(LANGUAGES, self._concepts[number].split("|"), strict=True):
            if not languages or language in languages:
                yield from field.split()

    def _keys_of(self, word: str) -> Iterator[str]:
        """Yield the words of the list that a word of a text is or contains."""
        if starts_unspaced(word):
            yield from self._runs_in(word)
        elif weight(word) > QUESTION_WEIGHT:
            yield from self._forms(stem(word))
            yield from self._ending(word)

    def _forms(self, word: str) -> Iterator[str]:
        """Yield a word of the list that is `word` with or without a short ending."""
        yield from [form for form in (word, *shorter_forms(word)) if form in self._places][:1]

    def _ending(self, word: str) -> Iterator[str]:
        """Yield the last part of a compound, as "Apotheke" of "Gemeinschaftsapotheke", if the list has it."""
        last = len(word) - STEM_LENGTH if len(word) <= LONGEST_COMPOUND else 0
        parts = (word[start:] for start in range(MIN_PART, last + 1))
        yield from [part for part in map(stem, parts) if part in self._places][:1]

    def _runs_in(self, run: str) -> Iterator[str]:
        """Yield the words in a run of a script without blanks, the longest at each place."""
        start, weights = 0, character_weights(run)
        while start < len(run):
            sizes = (size for size in range(LONGEST_RUN, 1, -1) if run[start : start + size] in self._places)
            size = next(sizes, 0)
            if size and max(weights[start : start + size]) > QUESTION_WEIGHT:
                yield run[start : start + size]
            start += max(1, size)


@cache
def thesaurus() -> Thesaurus:
    """Return the project's list. Blocks as the disk does, the first time."""
    folder = Path(__file__).parent
    lines = chain(*((folder / name).read_text(encoding="utf-8").splitlines() for name in FILES))
    return Thesaurus(line for line in lines if not line.startswith("#"))


def _key(word: str) -> str:
    return word if starts_unspaced(word) else stem(word.lower())


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts share at their beginnings."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (first, second) in pairs if first != second), min(len(one), len(other)))
