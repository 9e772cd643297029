"""The pipeline: from the messages of a request to those that are sent, and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.chat.rag import prompt
from services.chat.rag.clean import idle
from services.chat.rag.detect import detect
from services.chat.rag.passages import Passage, is_snippet, passages, scored
from services.chat.rag.query import Query
from services.chat.rag.rank import rank
from services.chat.rag.relevance import WEAK, Verdict, judge, topics
from services.chat.rag.select import select
from services.chat.rag.settings import ModelFacts, RagSettings
from services.chat.rag.sources import Found, Source
from services.chat.tokens import TOKENS_PER_MESSAGE, Counter, estimate
from services.core.message import Messages, message

MOST_CHARACTERS = 600_000
"""Characters of all sources that are looked at; more cannot be read in any reasonable time, and no prompt needs it."""

HISTORY_SHARE = 4
"""The history may take one in so many tokens of the prompt."""

LEAST = 128
"""Tokens that sources get however little room there is: without them the question has no answer."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was done with a request's sources, and why."""

    used: bool
    reason: str
    sources: int = 0
    kept: int = 0
    tokens: int = 0
    """Of the sources' text in the prompt, as counted or estimated."""
    coverage: float = 0.0
    ms: float = 0.0
    """Time that the decision took, the turns of others included."""

    @property
    def dropped(self) -> int:
        return self.sources - self.kept


@dataclass(frozen=True, slots=True)
class Outcome:
    """The messages to send."""

    messages: Messages
    decision: Decision
    thinking_off: bool = False
    found: Found | None = None
    """The request taken apart, where it had sources."""


@dataclass(frozen=True, slots=True)
class Picked:
    """The sources' part of a prompt."""

    text: str
    verdict: Verdict
    sources: int
    """How many of them it has something of."""


def apply(
    messages: Messages,
    model: ModelFacts,
    rag_settings: RagSettings,
    count: Counter = estimate,
    breathe: Callable[[], None] = idle,
) -> Outcome:
    """The messages to send instead of `messages`. Does not block; calls `breathe` every few milliseconds of work."""
    started = time.perf_counter()
    if not rag_settings.rag_enabled:
        return Outcome(messages, Decision(False, "off"))
    found = detect(messages)
    breathe()
    if found is None:
        return Outcome(messages, Decision(False, "no sources"))
    history = fitting(found.history, prompt_tokens(model, rag_settings) // HISTORY_SHARE, count)
    system: Messages = (message("system", found.system),) if found.system else ()
    budget = source_tokens((*system, *history), found.question, model, rag_settings, count)
    picked = pick(found.question, found.sources, found.history, budget, rag_settings, count, breathe)
    ms = (time.perf_counter() - started) * 1000
    total = len(found.sources)
    if not picked.verdict.use:
        plain = (*system, *found.history, messages[-1].with_text(found.question))
        return Outcome(
            plain, Decision(False, picked.verdict.reason, total, 0, 0, picked.verdict.coverage, ms), found=found
        )
    ask = prompt.task(found.question, picked.verdict.coverage < WEAK)
    sent = (*system, *history, messages[-1].with_text(f"{picked.text}\n\n{ask}"))
    verdict = picked.verdict
    decision = Decision(True, verdict.reason, total, picked.sources, count(picked.text), verdict.coverage, ms)
    return Outcome(sent, decision, model.context_length < rag_settings.disable_think_for_rag_below_ctx, found)


def pick(
    question: str,
    sources: Sequence[Source],
    history: Messages,
    budget: int,
    rag_settings: RagSettings,
    count: Counter = estimate,
    breathe: Callable[[], None] = idle,
) -> Picked:
    """The best of `sources` in `budget` tokens, or the verdict that they have nothing to do with the question."""
    found = cut(sources, breathe)
    about = topics(question, history)
    ranking = rank(Query(about.weights()), found, breathe)
    if not found:
        return Picked("", Verdict(False, "empty sources", 0.0), 0)
    brief = all(is_snippet(source.text) for source in sources)
    verdict = judge(question, about, ranking, found, rag_settings.rag_quality_floor_threshold / 10, brief)
    if not verdict.use:
        return Picked("", verdict, 0)
    chosen = select(found, ranking.scores, sources, budget, count, rag_settings, breathe)
    return Picked(prompt.render(chosen, sources), verdict, len({passage.source for passage in chosen}))


def cut(sources: Sequence[Source], breathe: Callable[[], None]) -> list[Passage]:
    """The passages of all sources."""
    share = MOST_CHARACTERS // max(1, len(sources))
    found: list[Passage] = []
    for number, source in enumerate(sources):
        found += passages(number, scored(source.text[:share], breathe))
    return found


def prompt_tokens(model: ModelFacts, rag_settings: RagSettings) -> int:
    """Tokens that a prompt may have: by the context, and by the time that reading it may take."""
    room = model.context_length - min(model.answer_tokens, model.context_length // 4)
    if model.prefill_speed and rag_settings.rag_max_prefill_seconds:
        room = min(room, int(model.prefill_speed * rag_settings.rag_max_prefill_seconds))
    return room


def source_tokens(kept: Messages, question: str, model: ModelFacts, rag_settings: RagSettings, count: Counter) -> int:
    """What is left for the sources beside what is kept and the question, as far as the model makes sense of it."""
    fixed = sum(count(each.text) + TOKENS_PER_MESSAGE for each in kept)
    fixed += count(prompt.task(question, weak=True)) + TOKENS_PER_MESSAGE
    room = max(LEAST, prompt_tokens(model, rag_settings) - fixed)
    return min(room, model.rag_tokens) if model.rag_tokens else room


def fitting(history: Messages, room: int, count: Counter) -> Messages:
    """The most recent messages that fit, beginning with one of the user."""
    start = len(history)
    for index in range(len(history) - 1, -1, -1):
        room -= count(history[index].text) + TOKENS_PER_MESSAGE
        if room < 0:
            break
        if history[index].role == "user":
            start = index
    return history[start:]
