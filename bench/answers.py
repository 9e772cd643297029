"""The command ``python -m bench.answers``: ask a model the questions of `bench.exam`, with and without the pipeline.

It counts the answers that are right, that are wrong and that say they do not know. Where the sources have no answer,
the right one says so. Everything is counted by rule: a right answer has a word or a number, and a sentence says in one
of the languages that something is not there.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from bench.client import chat
from bench.exam import KINDS, Item, items
from bench.table import machine
from services.chat.tokens import estimate_tokens

CONTEXT = 1064
"""Tokens of context: no document fits, and a thousand questions more do not take a day."""

ANSWER = 64
"""Tokens of an answer."""

MARGIN = 80
"""Tokens of the context that the messages' own tokens and errors of the estimate may take."""

Outcome = Literal["right", "wrong", "says so"]
OUTCOMES: tuple[Outcome, ...] = ("right", "wrong", "says so")

NOT_KNOWING = re.compile(
    # English
    r"\b(?:not|n't|never|nor|no) (?:\w+ ){0,4}(?:mention|provid|specif|stat|contain|includ|giv|know|sure|answer"
    r"|inform|indicat|detail|available|found|find|determin|say|data|evidence)"
    r"|\b(?:unable to (?:answer|find|determin|provid|say)|unclear|unknown|cannot|sorry)"
    # Spanish
    r"|\b(?:no|ni|sin) (?:\w+ ){0,4}(?:mencion|proporcion|especific|indic|contien|contener|incluy|sé\b|se sabe"
    r"|respuesta|informaci|dic|encuentr|encontr|pued|dispon|tengo|aparec|figur)|\b(?:lo siento|desconoc|ningun)"
    # German
    r"|\b(?:nicht|kein\w*) (?:\w+ ){0,4}(?:erwähn|genannt|nenn|angegeb|angab|angib|enthalt|enthält|bekannt|beantwort"
    r"|antwort|inform|gefund|find|hervor|beschr|verfügbar|möglich|steh|weiß)"
    r"|\b(?:weiß|enthalten|enthält|nennen|nennt) (?:\w+ ){0,4}(?:nicht|keine)|\btut mir leid"
    # Russian
    r"|\b(?:не|нет|ни) (?:\w+ ){0,4}(?:упомин|упомян|указ|содерж|знаю|извест|ответ|информ|сказано|говорится|наш|най"
    r"|предостав|опис|дан|могу|сообща)|\b(?:неизвестно|извините|к сожалению)",
    re.IGNORECASE,
)
"""Says in a few words that something is not there, or not known."""


class Answer(NamedTuple):
    """What a model answered."""

    item: Item
    text: str
    outcome: Outcome


def outcome(item: Item, answer: str) -> Outcome:
    """Return what an answer is worth."""
    says_so = bool(NOT_KNOWING.search(answer))
    if not item.answer:
        return "right" if says_so else "wrong"
    if has_any(answer, item.answer):
        return "right"
    return "says so" if says_so else "wrong"


def has_any(answer: str, pieces: Iterable[str]) -> bool:
    """Return whether a word of `answer` begins with one of `pieces`; a number must be the whole one."""
    text = re.sub(r"\[\d{1,2}\]", "", " ".join(answer.split()))  # the number of a source is no answer
    undivided = re.sub(r"(?<=\d)[,. ](?=\d{3}(?!\d))", "", text)
    forms = [re.compile(rf"(?<!\w){re.escape(piece)}(?!\d)", re.IGNORECASE) for piece in pieces]
    return any(form.search(text) or form.search(undivided) for form in forms)


def body(item: Item, sources: str) -> dict[str, Any]:
    """Return the request for an answer."""
    history = [{"role": turn.role, "content": turn.content} for turn in item.history]
    content = f"<context>\n{sources}</context>\n\n{item.question}"
    messages = [*history, {"role": "user", "content": content}]
    return {"messages": messages, "max_tokens": ANSWER, "temperature": 0, "seed": 1}


def truncated(item: Item, tokens: int) -> str:
    """Return the sources one after the other, cut so that the whole prompt has `tokens` tokens."""
    rest = "".join([item.question, *(turn.content for turn in item.history)])
    sources, room = item.sources, tokens - estimate_tokens(rest)
    while estimate_tokens(sources) > room:
        sources = sources[: int(len(sources) * 0.95)]
    return f"{sources}</source>\n"


def request(item: Item, pipeline: bool) -> dict[str, Any]:
    """Return the request for an answer, with the sources whole for the pipeline, or cut without it."""
    whole = body(item, item.sources)
    return whole if pipeline else {**body(item, truncated(item, CONTEXT - ANSWER - MARGIN)), "rag": False}


def table_lines(answers: Sequence[Answer]) -> Iterator[str]:
    """Yield a Markdown table of the outcomes, by kind, by split and together."""
    yield f"| questions | {' | '.join(OUTCOMES)} |"
    yield "|---|" + "---|" * len(OUTCOMES)
    for kind in (*KINDS, "web", "no answer"):
        yield row(kind, [each for each in answers if each.item.kind == kind])
    for split in ("tune", "tell"):
        yield row(f"of languages that {split}", [each for each in answers if each.item.split == split])
    yield row("all", answers)


def row(name: str, answers: Sequence[Answer]) -> str:
    """Return a row of the table."""
    counts = Counter(each.outcome for each in answers)
    return f"| {name} ({len(answers)}) | " + " | ".join(str(counts[each]) for each in OUTCOMES) + " |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.answers", description="Count a model's right answers")
    parser.add_argument(
        "--model", required=True, help=f"of a running server; its model.yaml: context_length: {CONTEXT}"
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="of the server")
    parser.add_argument("--without", action="store_true", help="ask without the pipeline, with sources that are cut")
    parser.add_argument("--every", type=int, default=1, help="ask only each nth question")
    args = parser.parse_args()
    print(machine(), flush=True)
    answers = []
    for item in items()[:: args.every]:
        text = chat(args.url, {"model": args.model, **request(item, not args.without)})
        answers.append(Answer(item, text, outcome(item, text)))
        print(f"{item.language} {item.kind}: {item.question} {item.answer}")
        print(f"  {answers[-1].outcome}: {' '.join(text.split())}", flush=True)
    print("\n".join(table_lines(answers)))


if __name__ == "__main__":
    main()
