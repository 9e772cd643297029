"""Read the documents, questions and talks of ``bench/documents``, and measure what of them reaches the prompt.

Rules and thresholds are set on the languages in `TUNE`; those in `TELL` only tell how well that carries over. No text,
question or talk is in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from statistics import mean
from typing import Literal

import msgspec
from msgspec import Struct

from bench import bm25
from services.chat.rag.pipeline import PipelineResult, run_pipeline
from services.chat.rag.settings import ModelFacts, RagSettings
from services.core.message import Messages, message

FOLDER = Path(__file__).parent / "documents"

TUNE, TELL = ("en", "es", "zh"), ("ar", "de", "ru")
"""The languages that tune, and those that tell."""

CONTEXT = 32_768
"""Tokens of context: large enough that `rag_tokens` alone limits what is selected."""

PARTS = 10
"""Parts of a document of which a prompt about the whole should have something."""

LINE = 8
"""Characters of a line, without blanks, from which it tells that a part of a document is shown."""

Kind = Literal["passage", "own_words", "whole", "place", "table", "follow_up", "other_language"]


class Turn(Struct, frozen=True):
    """A message of a talk."""

    role: Literal["user", "assistant"]
    content: str


class Question(Struct, frozen=True):
    """A question about a document."""

    id: str
    document: str
    kind: Kind
    question: str
    history: tuple[Turn, ...]
    expected: tuple[str, ...]
    """Pieces of the document that the model must see to answer; of a question about the whole, pieces from all over."""
    answer: tuple[str, ...] = ()
    """Beginnings of words, or numbers: any of them makes an answer right. Only questions of `bench.exam` need it."""


class Talk(Struct, frozen=True):
    """A message in a talk, and what a search for it found."""

    id: str
    history: tuple[Turn, ...]
    question: str
    relevant: bool
    sources: tuple[str, ...]


@cache
def questions(language: str) -> tuple[Question, ...]:
    """Return the questions about the documents in a language. Blocks as the disk does."""
    return msgspec.json.decode((FOLDER / language / "questions.json").read_bytes(), type=tuple[Question, ...])


@cache
def talks(language: str) -> tuple[Talk, ...]:
    """Return the talks in a language. Blocks as the disk does."""
    return msgspec.json.decode((FOLDER / language / "talks.json").read_bytes(), type=tuple[Talk, ...])


@cache
def document(language: str, name: str) -> str:
    """Return the text of a document. Blocks as the disk does."""
    return (FOLDER / language / name).read_text(encoding="utf-8")


def attached(name: str, text: str, number: int = 1) -> str:
    """Return a document as Open WebUI writes an attached file, the first one or another."""
    return f'<source id="{number}" name="{escape(name)}" resource-type="file">{text}</source>\n'


def found(sources: Iterable[str], query: str) -> str:
    """Return texts as Open WebUI writes the results of a search."""
    return "".join(
        f'<source id="{number}" name="{escape(query)}" resource-type="web_search" '
        f'source="https://example.org/{number}">{text}</source>\n'
        for number, text in enumerate(sources, 1)
    )


def prepared(sources: str, question: str, history: Iterable[Turn], tokens: int) -> PipelineResult:
    """Return what the pipeline makes of a question with sources that may take `tokens` tokens."""
    asked = message("user", f"<context>\n{sources}</context>\n\n{question}")
    before: Messages = tuple(message(turn.role, turn.content) for turn in history)
    return run_pipeline((*before, asked), ModelFacts(CONTEXT, rag_tokens=tokens), RagSettings())


def plain(text: str) -> str:
    """Return `text` without blanks."""
    return re.sub(r"\s+", "", text)


def score(language: str, question: Question, tokens: int) -> float:
    """Return how much of what the question needs is in its prompt, 0 to 1."""
    sources = attached(question.document, document(language, question.document))
    result = prepared(sources, question.question, question.history, tokens)
    return needed(language, question, result.messages[-1].text) if result.decision.used else 0.0


def bm25_score(language: str, question: Question, tokens: int) -> float:
    """Return how much of what the question needs is in the passages that plain BM25 selects, 0 to 1."""
    text = document(language, question.document)
    return needed(language, question, bm25.select(question.question, [text], tokens))


def needed(language: str, question: Question, shown: str) -> float:
    """Return how much of what the question needs is in the text `shown`, 0 to 1; blanks do not count."""
    found = plain(shown)
    if question.kind == "whole":
        return whole_score(found, document(language, question.document))
    return float(all(plain(piece) in found for piece in question.expected))


def whole_score(found: str, text: str) -> float:
    """Return the share of the parts of `text` of which `found` has a line, and its beginning counts twice.

    `found` has no blanks.
    """
    lines = [line for line in map(plain, text.splitlines()) if len(line) >= LINE]
    shown = [line[: max(LINE, len(line) // 2)] in found for line in lines]
    size = max(1, len(lines) // PARTS)
    parts = [any(shown[start : start + size]) for start in range(0, len(lines), size)]
    return mean([any(shown[:3]), *parts])


def talk_score(talk: Talk, tokens: int) -> float:
    """Return whether the sources of a talk are used where they are relevant, and left out where they are not."""
    result = prepared(found(talk.sources, talk.question), talk.question, talk.history, tokens)
    return float(result.decision.used == talk.relevant)
