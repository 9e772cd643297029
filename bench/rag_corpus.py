"""Generate questions and web pages for `bench.rag`: invented towns in ten languages, amid page boilerplate.

The texts are in rag_corpus.json. All were written for this benchmark and are in the public domain (CC0). Nothing is
true of any real town.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import msgspec

Fact = tuple[str, str]
"""A sentence and its question; both name ``{t}``, the town; the sentence also ``{n}``, the answer."""


@dataclass(frozen=True, slots=True)
class Language:
    """The texts of one language."""

    facts: tuple[Fact, ...]
    filler: tuple[str, ...]
    """Sentences without a fact."""
    boilerplate: tuple[str, ...]
    """Labels of menus and notices."""
    towns: tuple[str, ...]
    space: str = " "
    """What stands between two sentences."""


LANGUAGES = msgspec.json.decode(Path(__file__).with_suffix(".json").read_bytes(), type=dict[str, Language])
"""The texts of each language, by its code."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the pages that a search found for it."""

    language: str
    """Key of `LANGUAGES`."""
    text: str
    answer: str
    sentence: str
    """The sentence with the answer, which one of the pages has."""
    pages: tuple[str, ...]
    contents: tuple[str, ...]
    """Each page without its boilerplate: paragraphs, one per line."""


def make_question(name: str, seed: int, pages: int = 5, sentences: int = 40) -> Question:
    """Return a question in the language `name` and pages of a few kilobytes each; the same for the same `seed`."""
    chance = random.Random(f"{name}:{seed}")
    language = LANGUAGES[name]
    town = chance.choice(language.towns)
    sentence, question = chance.choice(language.facts)
    answer = str(chance.randrange(1000, 10000))
    gold = sentence.format(t=town, n=answer)
    gold_page = chance.randrange(pages)
    contents = [
        make_paragraphs(language, chance, sentences, (sentence, town), gold if number == gold_page else None)
        for number in range(pages)
    ]
    complete = tuple(with_boilerplate(language, chance, paragraphs) for paragraphs in contents)
    joined = tuple("\n".join(paragraphs) for paragraphs in contents)
    return Question(name, question.format(t=town), answer, gold, complete, joined)


def make_paragraphs(
    language: Language, chance: random.Random, size: int, asked: tuple[str, str], gold: str | None
) -> list[str]:
    """Return `size` sentences about other towns and other things, in paragraphs; `gold` is somewhere among them.

    `asked` is the fact and the town of the question, which no other sentence may answer.
    """
    others = [(fact, town) for fact, _ in language.facts for town in language.towns if (fact, town) != asked]
    written = [
        fact.format(t=town, n=chance.randrange(1000, 10000))
        for fact, town in chance.sample(others, min(size // 2, len(others)))
    ]
    written += [chance.choice(language.filler) for _ in range(size - len(written))]
    chance.shuffle(written)
    if gold:
        written.insert(chance.randrange(len(written)), gold)
    return [language.space.join(written[start : start + 4]) for start in range(0, len(written), 4)]


def with_boilerplate(language: Language, chance: random.Random, paragraphs: list[str]) -> str:
    """Return a page: the paragraphs between menus and notices.

    Some menus are one line, as after a conversion that loses line ends.
    """
    menu = chance.sample(language.boilerplate, 6)
    foot = chance.sample(language.boilerplate, 6)
    head = "".join(menu) if chance.random() < 0.3 else "\n\n\n".join(menu)
    return "\n".join([head, "", *paragraphs, "", *foot])
