"""Turn a question into weighted terms, and count how often the words of a text match them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from itertools import chain
from types import MappingProxyType

from services.chat.rag.function_words import LISTED_WEIGHT, QUESTION_WEIGHT, character_weights
from services.chat.rag.function_words import weight as weigh
from services.chat.rag.language import languages_of
from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.thesaurus import thesaurus
from services.chat.rag.words import MIN_VARIANT, WORD, find_words, grams, shorter_forms, starts_unspaced, stem

PREFIX_WEIGHT = 0.8
"""Weight of a word that differs from a term by a short ending only; an exact match counts 1."""

CONCEPT_WEIGHT = 0.5
"""Weight of another word for what the question names."""

NO_CONCEPTS: Mapping[str, float] = MappingProxyType({})
"""No concepts that the question names."""

NO_SYNONYMS: Mapping[str, tuple[str, float]] = MappingProxyType({})
"""No other words for any term."""

Matches = tuple[tuple[str, float], ...]
"""The terms that a word matches, and how much each occurrence counts."""

MAX_QUESTION = 4000
"""Characters of a question that are compared with the sources, half of them from its beginning and half from its end.
What is asked stands there, around whatever text was pasted between."""

MAX_AIM = 600
"""Characters of a question in which a place is looked for, or a task on the whole."""


def gist(question: str, size: int = MAX_QUESTION) -> str:
    """Return the part of `question` that is read: all of it, or `size` characters of its beginning and its end."""
    half = size // 2
    return question if len(question) <= size else f"{question[:half]}\n{question[-half:]}"


def term_weights(text: str) -> dict[str, float]:
    """Return the terms of `text` in order, and how much each counts, 0 to 1: words that carry a topic count 1."""
    weights: dict[str, float] = {}
    for word in WORD.findall(text.lower()):
        for term, weight in _weighted_grams(word) if starts_unspaced(word) else ((stem(word), weigh(word)),):
            # A single letter carries no topic, but a single digit may be the year or the version.
            if len(term) > 1 or term.isdigit():
                weights[term] = max(weight, weights.get(term, 0.0))
    return weights


def content_terms(text: str) -> list[str]:
    """Return the terms of `text` that carry a topic, each once, in order.

    If no word does by itself, as in "the first one", these are all but those of question words.
    """
    weights = term_weights(text)
    return [term for term, weight in weights.items() if weight == 1] or [
        term for term, weight in weights.items() if weight > QUESTION_WEIGHT
    ]


def _weighted_grams(run: str) -> Iterator[tuple[str, float]]:
    """Yield the groups of characters of `run`. One that touches a function word seldom is a word of the topic."""
    weights = character_weights(run)
    for start, gram in enumerate(grams(run)):
        touched = weights[start : start + len(gram)]
        asks_only = max(touched) == QUESTION_WEIGHT
        yield gram, 1.0 if min(touched) == 1 else QUESTION_WEIGHT if asks_only else LISTED_WEIGHT


class _Known(dict[str, Matches]):
    """Store what each word matches."""

    def __init__(self, weights: Iterable[str], beginnings: Set[str], find: Callable[[str], Matches]) -> None:
        super().__init__((term, ((term, 1.0),)) for term in weights)
        self._beginnings = beginnings
        self._find = find

    def __missing__(self, word: str) -> Matches:
        """Return what a new word matches, and store it."""
        # Few words begin like a term. Others than these may change their beginning when they are folded.
        outside = word.isascii() and word[:MIN_VARIANT].lower() not in self._beginnings
        self[word] = found = () if outside else self._find(word)
        return found


class Query:
    """Match words to weighted terms. Each result is stored, since the same words come again and again."""

    def __init__(
        self,
        weights: dict[str, float],
        concepts: Mapping[str, float] = NO_CONCEPTS,
        synonyms: Mapping[str, tuple[str, float]] = NO_SYNONYMS,
    ) -> None:
        """Take the weight of each term, of each concept, and the words for these, each with the share that it is of one."""
        self.weights = {**weights, **concepts}
        self.concepts = frozenset(concepts)
        self._synonyms = synonyms
        beginnings = {term[:MIN_VARIANT] for term in chain(weights, synonyms)}
        self._known = _Known(weights, beginnings, self._matches)
        self._known_grams = _Known(weights, beginnings, self._match)
        # Only words of three letters or more can be variants.
        stems = [term for term in weights if not term.isdigit() and not starts_unspaced(term)]
        self._order = {term: number for number, term in enumerate(stems) if len(term) >= MIN_VARIANT}
        # The first term for each of its shorter forms; looking up is cheap however many terms there are.
        self._longer = {shorter: term for term in reversed(self._order) for shorter in shorter_forms(term)}

    def hits_in(self, text: str) -> dict[str, float]:
        """Return how often the words of `text` match each term."""
        return self.hits(find_words(text))

    def hits(self, words: Iterable[str]) -> dict[str, float]:
        """Return how often `words` match each term; `words` are matches of `WORD`. Variants count `PREFIX_WEIGHT`."""
        counts: dict[str, float] = {}
        known = self._known
        for word in words:
            for term, weight in known[word]:
                counts[term] = counts.get(term, 0.0) + weight
        return counts

    def _matches(self, word: str) -> Matches:
        """Return what a word matches; of a run of a script without blanks, what its groups of characters do."""
        if starts_unspaced(word):
            return tuple(chain.from_iterable(map(self._known_grams.__getitem__, grams(word))))
        return self._match(word)

    def _match(self, word: str) -> Matches:
        term = stem(word.lower())
        if term in self.weights:
            return ((term, 1.0),)
        variant = self._variant(term)
        return ((variant, PREFIX_WEIGHT),) if variant else self._synonym(term)

    def _synonym(self, word: str) -> Matches:
        forms = (word, *shorter_forms(word))
        return tuple(self._synonyms[form] for form in forms if form in self._synonyms)[:1]

    def _variant(self, word: str) -> str | None:
        """Return the first term that is `word` with a short ending, or without one: dog and dogs, Land and Länder."""
        candidates = (self._longer.get(word, ""), *shorter_forms(word))
        return min(filter(self._order.__contains__, candidates), key=self._order.__getitem__, default=None)


def with_concepts(
    question: str, weights: dict[str, float], languages: Set[str], give_way: Callable[[], None] = do_nothing
) -> Query:
    """Return the query of a question with these terms, which other words for the same concepts match too.

    The other words are in `languages`, those of the sources (ISO 639-1). Calls `give_way` every few milliseconds.
    """
    known, concepts, synonyms = thesaurus(), dict[str, float](), dict[str, tuple[str, float]]()
    named = known.concepts_in(question, languages_of(question), give_way)
    for number, meanings in paced(named.items(), give_way, 8):
        concept = f"#{number}"
        concepts[concept] = CONCEPT_WEIGHT / meanings
        for term, share in known.terms_of(number, languages):
            if term not in weights:
                synonyms.setdefault(term, (concept, share))
    return Query(weights, concepts, synonyms)
