"""The command ``python -m bench.rag``: measure what the RAG pipeline keeps, drops and costs. Asserts nothing.

`bench.answers` measures what a model answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from statistics import mean, median

from bench import bm25
from bench.kept import decision_lines, document_lines
from bench.rag_corpus import LANGUAGES, Question, make_question
from bench.table import machine, p95
from bench.talks import talk_lines
from services.chat.rag.pipeline import pick_passages
from services.chat.rag.settings import RagSettings
from services.chat.rag.sources import Source
from services.chat.tokens import estimate_tokens

BUDGETS = (700, 1400)
"""Tokens that the selected passages may take."""

EACH = 20
"""Questions per language."""


def sources(question: Question) -> list[Source]:
    """Return the question's pages as sources."""
    return [Source(str(number), "", "", page) for number, page in enumerate(question.pages, 1)]


def selected(question: Question, budget: int) -> str:
    """Return the passages that the pipeline selects from the pages, in `budget` tokens."""
    return pick_passages(question.text, sources(question), (), budget, RagSettings()).text


def snippets(question: Question) -> list[Source]:
    """Return what a search engine shows of each page: the paragraph with the answer, else the first one."""
    pages = [content.split("\n") for content in question.contents]
    shown = [next((part for part in parts if question.sentence in part), parts[0]) for parts in pages]
    return [Source(str(number), "", "", part) for number, part in enumerate(shown, 1)]


def keeps_snippet(question: Question) -> bool:
    """Return whether the pipeline keeps the snippet with the answer."""
    return question.sentence in pick_passages(question.text, snippets(question), (), 1400, RagSettings()).text


def truncated(question: Question, budget: int) -> str:
    """Return the pages one after the other, cut after `budget` tokens, as a server without a pipeline sends them."""
    text = "\n\n".join(question.pages)
    while estimate_tokens(text) > budget:
        text = text[: int(len(text) * 0.95)]
    return text


def table_lines() -> Iterator[str]:
    """Yield a Markdown table with the shares per language."""
    yield (
        "| language | "
        + " | ".join(f"kept, {b} tokens | lead, {b}" for b in BUDGETS)
        + " | kept, snippets | irrelevant dropped |"
    )
    yield "|---|" + "---|" * (2 * len(BUDGETS) + 2)
    rows = {name: list(shares(name)) for name in LANGUAGES}
    for name, values in rows.items():
        yield f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + " |"
    means = [mean(column) for column in zip(*rows.values(), strict=True)]
    yield "| all | " + " | ".join(f"{value:.2f}" for value in means) + " |"


def shares(name: str) -> Iterator[float]:
    """Yield the cells of one language's row, each from 0.0 to 1.0."""
    questions = [make_question(name, seed) for seed in range(EACH)]
    for budget in BUDGETS:
        yield mean(question.sentence in selected(question, budget) for question in questions)
        yield mean(question.sentence in truncated(question, budget) for question in questions)
    yield mean(map(keeps_snippet, questions))
    other = "de" if name != "de" else "en"  # pages in another language do not answer the question
    irrelevant = [sources(make_question(other, seed)) for seed in range(EACH)]
    yield mean(
        not pick_passages(q.text, s, (), 1400, RagSettings()).verdict.use
        for q, s in zip(questions, irrelevant, strict=True)
    )


def latency_lines() -> Iterator[str]:
    """Yield the CPU time for large sources: many sentences, many different paragraphs, one long line."""
    question = make_question("en", 1, pages=5, sentences=370)
    times, plain = zip(*((cpu_seconds(question), bm25_seconds(question)) for _ in range(20)), strict=True)
    size = sum(len(page) for page in question.pages) // 1024
    yield f"- 5 sources, {size} KB together: {p95(times) * 1000:.0f} ms CPU (p95 of {len(times)})"
    ratio = median(times) / median(plain)
    yield f"- plain BM25 on them: {p95(plain) * 1000:.0f} ms; the pipeline takes {ratio:.1f} times as long"
    for count in (1000, 2000, 4000):
        page = "\n\n".join(
            f"Paragraph {n} of the water tower says {n * 7919} and nothing else at all." for n in range(count)
        )
        yield f"- one source of {count} paragraphs: {cpu_seconds(replace(question, pages=(page,))) * 1000:.0f} ms CPU"
    page = "The tower is high and wide. " * 7500
    yield f"- 200 KB on one line: {cpu_seconds(replace(question, pages=(page,))) * 1000:.0f} ms CPU"


def cpu_seconds(question: Question) -> float:
    """Return the CPU time of the pipeline for the question's pages."""
    started = time.process_time()
    selected(question, 1400)
    return time.process_time() - started


def bm25_seconds(question: Question) -> float:
    """Return the CPU time of plain BM25 for the question's pages."""
    started = time.process_time()
    bm25.select(question.text, question.pages, 1400)
    return time.process_time() - started


def main() -> None:
    """Run the command."""
    print(machine(), flush=True)
    for line in chain(table_lines(), document_lines(), decision_lines(), talk_lines(), latency_lines()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
