"""``python -m bench.rag``: what the pipeline for sources keeps, drops and costs. Asserts nothing.

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
from statistics import mean

from bench.rag_corpus import TONGUES, Item, item
from bench.table import machine, p95
from services.chat.rag import clean
from services.chat.rag.pipeline import pick
from services.chat.rag.settings import RagSettings
from services.chat.rag.sources import Source
from services.chat.tokens import estimate

BUDGETS = (700, 1400)
EACH = 20
"""Questions a language."""


def sources(question: Item) -> list[Source]:
    return [Source(str(number), "", "", page) for number, page in enumerate(question.pages, 1)]


def kept(question: Item, budget: int) -> str:
    return pick(question.question, sources(question), (), budget, RagSettings()).text


def snippets(question: Item) -> list[Source]:
    """What a search engine shows of the pages: the paragraph that answers, and the first one of each other page."""
    mains = [main.split("\n") for main in question.mains]
    shown = [next((part for part in parts if question.sentence in part), parts[0]) for parts in mains]
    return [Source(str(number), "", "", part) for number, part in enumerate(shown, 1)]


def kept_snippet(question: Item) -> bool:
    return question.sentence in pick(question.question, snippets(question), (), 1400, RagSettings()).text


def lead(question: Item, budget: int) -> str:
    """What a server without any pipeline does: the pages one after the other, cut where the room ends."""
    text = "\n\n".join(question.pages)
    while estimate(text) > budget:
        text = text[: int(len(text) * 0.95)]
    return text


def lines() -> Iterator[str]:
    yield (
        "| language | "
        + " | ".join(f"kept, {b} tokens | lead, {b}" for b in BUDGETS)
        + " | kept, snippets | furniture removed | text kept | irrelevant dropped |"
    )
    yield "|---|" + "---|" * (2 * len(BUDGETS) + 4)
    rows = {name: list(row(name)) for name in TONGUES}
    for name, values in rows.items():
        yield f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + " |"
    means = [mean(column) for column in zip(*rows.values(), strict=True)]
    yield "| all | " + " | ".join(f"{value:.2f}" for value in means) + " |"


def row(name: str) -> Iterator[float]:
    items = [item(name, seed) for seed in range(EACH)]
    for budget in BUDGETS:
        yield mean(question.sentence in kept(question, budget) for question in items)
        yield mean(question.sentence in lead(question, budget) for question in items)
    yield mean(map(kept_snippet, items))
    removed, whole = zip(*(cleaned(question) for question in items), strict=True)
    yield mean(removed)
    yield mean(whole)
    other = "de" if name != "de" else "en"
    foreign = [sources(item(other, seed)) for seed in range(EACH)]
    yield mean(
        not pick(q.question, s, (), 1400, RagSettings()).verdict.use for q, s in zip(items, foreign, strict=True)
    )


def cleaned(question: Item) -> tuple[float, float]:
    """Shares of the furniture's lines that are gone and of the paragraphs that are whole after cleaning."""
    tongue = TONGUES[question.tongue]
    text = [clean.clean(page) for page in question.pages]
    gone = [phrase not in page for page in text for phrase in tongue.furniture]
    whole = [part in page for page, main in zip(text, question.mains, strict=True) for part in main.split("\n")]
    return mean(gone), mean(whole)


def latency() -> Iterator[str]:
    """CPU time: sources of 30 KB, and paragraphs that all differ."""
    question = item("en", 1, pages=5, sentences=370)
    times = [cpu(question) for _ in range(20)]
    size = sum(len(page) for page in question.pages) // 1024
    yield f"- 5 sources, {size} KB together: {p95(times) * 1000:.0f} ms CPU (p95 of {len(times)})"
    for count in (1000, 2000, 4000):
        page = "\n\n".join(
            f"Paragraph {n} of the water tower says {n * 7919} and nothing else at all." for n in range(count)
        )
        yield f"- one source of {count} paragraphs: {cpu(replace(question, pages=(page,))) * 1000:.0f} ms CPU"
    page = "The tower is high and wide. " * 7500
    yield f"- 200 KB on one line: {cpu(replace(question, pages=(page,))) * 1000:.0f} ms CPU"


def cpu(question: Item) -> float:
    started = time.process_time()
    kept(question, 1400)
    return time.process_time() - started


def ask(url: str, model: str, question: Item, rag: bool) -> str:
    tags = "".join(
        f'<source id="{number}" name="{question.question}" resource-type="web_search">{page}</source>\n'
        for number, page in enumerate(question.pages, 1)
    )
    content = f"<context>\n{tags}</context>\n\n{question.question}"
    if not rag:
        content = f"{lead(question, 2500)}\n\n{question.question}"
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


def answers(url: str, model: str, count: int) -> Iterator[str]:
    """Shares of answers that hold the right number."""
    items = [item("en", 100 + seed, pages=5, sentences=80) for seed in range(count)]
    for rag, name in ((True, "with the pipeline"), (False, "without (pages cut at 2,500 tokens)")):
        started = time.monotonic()
        right = [question.answer in re.sub(r"[,. ]", "", ask(url, model, question, rag)) for question in items]
        yield f"- {name}: {sum(right)} of {count} right, {(time.monotonic() - started) / count:.1f} s an answer"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.rag", description="The pipeline for sources; docs/rag.md")
    parser.add_argument("--model", help="ask this model of a running server")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="of the server")
    parser.add_argument("--questions", type=int, default=50)
    args = parser.parse_args()
    print(machine(), flush=True)
    for line in answers(args.url, args.model, args.questions) if args.model else (*lines(), *latency()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
