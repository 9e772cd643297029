"""Measure what of a search's results is used in the middle of a talk about something else.

Each set of sources comes after each talk of its language in ``bench/documents``. The questions are those of
`bench.rag_corpus`, about invented towns; no talk is about one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from statistics import mean

from bench.asked import TELL, TUNE, document, found, prepared, questions, talks
from bench.rag_corpus import Question, make_question

EACH = 6
"""Questions per language with relevant sources."""

RANDOM = 20
"""Questions per language with random ones."""

SNIPPETS = 3
"""Snippets that the appliance's search returns."""

SNIPPET = 450
"""Characters of a snippet from a document."""

TOKENS = 1400
"""Tokens that the sources may take."""


def asked(language: str, count: int = EACH) -> list[Question]:
    """Return `count` questions of a language, with relevant pages."""
    return [make_question(language, seed) for seed in range(count)]


def snippets(question: Question) -> tuple[str, ...]:
    """Return what a search engine shows of pages: the paragraph with the answer, and the first one of others."""
    parts = [content.split("\n") for content in question.contents]
    right = next(paragraph for page in parts for paragraph in page if question.sentence in paragraph)
    others = [page[0] for page in parts if right not in page]
    return (right, *others[: SNIPPETS - 1])


def random_snippets(language: str, number: int) -> tuple[str, ...]:
    """Return pieces of documents of a language, which are about no town; others for each `number`."""
    names = sorted({question.document for question in questions(language)})
    texts = [document(language, name) for name in names][:SNIPPETS]
    return tuple(text[number * SNIPPET % (len(text) - SNIPPET) :][:SNIPPET] for text in texts)


def used(language: str, question: Question, sources: tuple[str, ...], in_talk: bool) -> float:
    """Return the share of the language's talks after which `sources` are used; without one if not `in_talk`."""
    before = [talk.history for talk in talks(language)] if in_talk else [()]
    results = (prepared(found(sources, question.text), question.text, history, TOKENS) for history in before)
    return mean(result.decision.used for result in results)


def shares(language: str) -> Iterator[float]:
    """Yield what is dropped or used of a language, without a talk and in one, in the order of `HEAD`, 0 to 1."""
    for in_talk in (False, True):
        yield mean(1 - used(language, question, question.pages, in_talk) for question in asked(language))
    for in_talk in (False, True):
        yield mean(used(language, question, snippets(question), in_talk) for question in asked(language))
    for in_talk in (False, True):
        numbered = enumerate(asked(language, RANDOM))
        yield mean(1 - used(language, each, random_snippets(language, number), in_talk) for number, each in numbered)


HEAD = [
    " ".join(names)
    for names in product(
        ("relevant pages dropped,", "relevant snippets used,", "random snippets dropped,"), ("no talk", "in a talk")
    )
]
"""What `shares` yields."""


def talk_lines() -> Iterator[str]:
    """Yield a Markdown table with the shares per language; those that tune come first."""
    yield f"| language | {' | '.join(HEAD)} |"
    yield "|---|" + "---|" * len(HEAD)
    for language in (*TUNE, *TELL):
        yield f"| {language} | " + " | ".join(f"{share:.2f}" for share in shares(language)) + " |"
