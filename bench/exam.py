"""Choose the hundred questions that `bench.answers` asks a model: 25 each in four languages, by rule.

Fifteen are about a document that is attached next to others, five about pages that a search found. Five more, three
about documents and two about pages, have no answer: the paragraphs or sentences that have it are taken out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain

from bench import asked
from bench.rag_corpus import make_question

LANGUAGES = {"en": "tune", "es": "tune", "de": "tell", "ru": "tell"}
"""Two languages that tune and two that tell; see `asked.TUNE`."""

KINDS = ("passage", "own_words", "place", "table", "follow_up")
"""Kinds of questions about documents that have a short answer."""

EACH = 3
"""Questions of a kind and a language: the first ones in the file that have a short answer."""

PAGES = range(100, 105)
"""Seeds of the questions about pages."""

EMPTY_PAGES = range(200, 202)
"""Seeds of those whose pages do not have the answer."""


@dataclass(frozen=True, slots=True)
class Item:
    """A question with its sources."""

    language: str
    kind: str
    """One of `KINDS`, ``web`` or ``no answer``."""
    question: str
    sources: str
    """As Open WebUI writes them."""
    answer: tuple[str, ...]
    """Any of these in an answer makes it right; empty if the sources have no answer."""
    history: tuple[asked.Turn, ...] = ()

    @property
    def split(self) -> str:
        """Return ``tune`` or ``tell``."""
        return LANGUAGES[self.language]


def items() -> list[Item]:
    """Return the hundred questions. Blocks as the disk does."""
    return [item for language in LANGUAGES for item in chain(about_documents(language), about_pages(language))]


def about_documents(language: str) -> Iterator[Item]:
    """Yield the questions about documents, then those whose document has no answer."""
    questions = asked.questions(language)
    short = [[each for each in questions if each.kind == kind and each.answer][:EACH] for kind in KINDS]
    for index, each in enumerate(chain.from_iterable(short)):
        yield Item(language, each.kind, each.question, files(language, each, index), each.answer, each.history)
    unused = [each for each in questions if each.kind == "passage" and not each.answer][:EACH]
    for index, each in enumerate(unused):
        yield Item(language, "no answer", each.question, files(language, each, index, each.expected), ())


def files(language: str, question: asked.Question, index: int, removed: Collection[str] = ()) -> str:
    """Return the question's document next to two to four others, without the paragraphs that have a piece of `removed`.

    Its place among them goes round with `index`.
    """
    paths = sorted(asked.FOLDER.joinpath(language).glob("*.*"))
    others = [path.name for path in paths if path.suffix in {".md", ".txt"} and path.stem != "README"]
    others.remove(question.document)
    names = others[: 2 + index % 3]
    names.insert(index % (len(names) + 1), question.document)
    texts = {name: asked.document(language, name) for name in names}
    texts[question.document] = without(texts[question.document], removed)
    return "".join(asked.attached(name, text, number) for number, (name, text) in enumerate(texts.items(), 1))


def without(text: str, pieces: Collection[str]) -> str:
    """Return `text` without the paragraphs that have one of `pieces`."""
    paragraphs = re.split(r"\n\s*\n", text)
    kept = (each for each in paragraphs if not any(asked.plain(piece) in asked.plain(each) for piece in pieces))
    return "\n\n".join(kept)


def about_pages(language: str) -> Iterator[Item]:
    """Yield the questions about pages, then those whose pages have no answer."""
    for seed in PAGES:
        question = make_question(language, seed)
        yield Item(language, "web", question.text, asked.found(question.pages, question.text), (question.answer,))
    for seed in EMPTY_PAGES:
        question = make_question(language, seed)
        pages = [page.replace(question.sentence, "") for page in question.pages]
        yield Item(language, "no answer", question.text, asked.found(pages, question.text), ())
