"""The command ``python -m bench.rag``: measure what the RAG pipeline keeps, drops and costs. Asserts nothing.

``--model NAME --url http://127.0.0.1:8000`` asks a running server 50 questions instead, with and without the pipeline.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from statistics import mean, median

from bench import bm25
from bench.rag_corpus import LANGUAGES, Question, make_question
from bench.table import machine, p95
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


def ask_server(url: str, model: str, question: Question, rag: bool) -> str:
    """Return the server's answer from the pages, through the pipeline or from truncated pages. Blocks.

    Raises `OSError` where the server cannot be reached or refuses.
    """
    tags = "".join(
        f'<source id="{number}" name="{question.text}" resource-type="web_search">{page}</source>\n'
        for number, page in enumerate(question.pages, 1)
    )
    content = f"<context>\n{tags}</context>\n\n{question.text}"
    if not rag:
        content = f"{truncated(question, 2500)}\n\n{question.text}"
    body = {
        "model": model,
        "max_tokens": 64,
        "temperature": 0,
        "rag": rag,
        "messages": [{"role": "user", "content": content}],
    }
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=600) as response:
        return str(json.load(response)["choices"][0]["message"]["content"])


def answer_lines(url: str, model: str, count: int) -> Iterator[str]:
    """Yield how many of the server's answers have the right number, with and without the pipeline. Blocks."""
    questions = [make_question("en", 100 + seed, pages=5, sentences=80) for seed in range(count)]
    for rag, name in ((True, "with the pipeline"), (False, "without (pages cut at 2,500 tokens)")):
        started = time.monotonic()
        right = [
            question.answer in re.sub(r"[,. ]", "", ask_server(url, model, question, rag)) for question in questions
        ]
        yield f"- {name}: {sum(right)} of {count} right, {(time.monotonic() - started) / count:.1f} s an answer"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.rag", description="Measure the RAG pipeline; see docs/rag.md"
    )
    parser.add_argument("--model", help="ask this model of a running server")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="of the server")
    parser.add_argument("--questions", type=int, default=50)
    args = parser.parse_args()
    print(machine(), flush=True)
    measured = chain(table_lines(), latency_lines())
    for line in answer_lines(args.url, args.model, args.questions) if args.model else measured:
        print(line, flush=True)


if __name__ == "__main__":
    main()
