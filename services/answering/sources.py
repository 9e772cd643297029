"""Prepare the sources of a request for its model, and cache the answers to questions with sources."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import fields, replace

from services.answering.digest import Digests, Reading, ReadingPlanner
from services.answering.plan import Prepared, with_system_prompt
from services.chat.rag.cache import AnswerCache
from services.chat.rag.decision import Decision, remark
from services.chat.rag.parts import is_to_be_read
from services.chat.rag.pipeline import NO_NOTES, run_pipeline
from services.chat.rag.ratios import TokenRatios
from services.chat.rag.settings import ModelFacts, RagSettings
from services.chat.rag.speed import PrefillSpeeds
from services.chat.rag.thesaurus import thesaurus
from services.chat.tools.offer import tokens_for_tools
from services.core.errors import ContextOverflow
from services.core.events import Done, Event, Notice
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.pause import spaced_pauses
from services.core.request import EngineRequest, GenerationRequest
from services.core.settings import Settings

log = logging.getLogger(__name__)


class RagState:
    """The state that requests with sources share: cached answers, notes, prefill speeds, ratios of tokens.

    Any thread may use it. No method blocks, but `prepare` works for up to some hundred milliseconds; every few
    milliseconds it lets other requests run.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._answers = AnswerCache(settings.rag_cache_max_entries, settings.rag_cache_ttl)
        self._digests = Digests()
        self._speeds, self._ratios = PrefillSpeeds(), TokenRatios()
        # Reading the list would hold the first request with sources for 0.3 s.
        thesaurus()

    def prepare(self, generation: GenerationRequest, model: Model, reading: Reading | None = None) -> Prepared:
        """Return the messages of `generation` with its sources cleaned, selected and cut to the model's context.

        The notes of `reading` stand for the documents that they are about.
        """
        if generation.prompt is not None:
            return Prepared((), generation.thinking)
        count = self._ratios.counter(model)
        enabled = self._settings.rag_enabled and model.rag and generation.rag
        outcome = run_pipeline(
            with_system_prompt(generation.messages, model.system_prompt),
            self._facts(generation, model),
            replace(rag_settings(self._settings), rag_enabled=enabled),
            count,
            spaced_pauses(),
            reading.notes(count) if reading else NO_NOTES,
        )
        if reading:
            outcome = replace(outcome, decision=reading.told(outcome.decision))
        log.debug("rag: %s", describe_decision(outcome.decision))
        if outcome.rag_request is None:
            return Prepared(generation.messages, generation.thinking, outcome)
        # The client's own choice wins.
        switched_off = outcome.thinking_off and generation.thinking is None
        return Prepared(outcome.messages, False if switched_off else generation.thinking, outcome, reading)

    def reading(self, prepared: Prepared, request: EngineRequest, owner: str) -> Reading | None:
        """Return the documents that the model reads in parts before it answers; None if there are none.

        `owner` is the name of the key that asks.
        """
        outcome, seconds = prepared.outcome, self._settings.rag_digest_seconds
        if not seconds or outcome is None or outcome.rag_request is None:
            return None
        if not is_to_be_read(outcome.decision, outcome.rag_request.question):
            return None
        model = request.model
        planner = ReadingPlanner(self._digests, owner, model, self._ratios.counter(model), spaced_pauses())
        facts = self._facts(request.generation, model)
        return planner.plan(outcome.rag_request.sources, outcome.decision.extent, outcome.budget, facts, seconds)

    def forget(self, reading: Reading) -> None:
        """Drop what was read of the documents of `reading`, so that they are cut anew."""
        self._digests.forget(reading.digests.values())

    def count_parts(self, reading: Reading, missing: int) -> None:
        """Count the parts of `reading` in the metrics; `missing` of them had no notes before."""
        left = len(reading.missing)
        counts = {"cached": len(reading.order) - missing, "read": missing - left, "left": left}
        for result, count in counts.items():
            self._metrics.rag_parts.labels(result).inc(count)

    def count_decision(self, prepared: Prepared) -> None:
        """Count the decision about the sources of a chat in the metrics."""
        if (outcome := prepared.outcome) is not None:
            decision = "context" if outcome.decision.used else "follow_up" if outcome.rag_request else "plain"
            self._metrics.rag_decisions.labels(decision).inc()

    def cached(self, request: EngineRequest, owner: str) -> Iterator[Event] | None:
        """Return the cached answer of a key to the same question with the same sources; None if there is none."""
        answer = self._answers.find(request, owner)
        self._metrics.rag_cache.labels("hit" if answer else "miss").inc()
        return answer.events() if answer else None

    def caching(self, request: EngineRequest, owner: str, events: Iterator[Event]) -> Iterator[Event]:
        """Yield `events` unchanged, and cache the complete answer for the key `owner`. Closes `events` at the end."""
        return self._answers.caching(request, owner, events)

    def learn(self, request: EngineRequest, done: Done) -> None:
        """Record how fast the model read the prompt, and how many tokens it had."""
        self._speeds.record(request.model, done)
        self._ratios.record(request, done.usage.prompt_tokens)

    def prepare_fewer(self, prepared: Prepared, request: EngineRequest, error: ContextOverflow) -> Prepared | None:
        """Return `prepared` again, with as many sources as fit by the token count in `error`.

        Returns None if that changes nothing; the caller then raises `error`.
        """
        if not (request.sources_used and error.counted):
            return None
        # The engine's count corrects the estimate, so the second preparation fits.
        self._ratios.record(request, error.prompt_tokens)
        fewer = self.prepare(request.generation, request.model, prepared.reading)
        return None if fewer.messages == prepared.messages else fewer

    def _facts(self, generation: GenerationRequest, model: Model) -> ModelFacts:
        default = dict(model.sampling).get("max_tokens") or self._settings.max_tokens_default
        return ModelFacts(
            model.context_length - tokens_for_tools(generation, model),
            generation.max_tokens or int(default),
            self._speeds.speed_of(model),
            model.rag_tokens,
        )


def rag_settings(settings: Settings) -> RagSettings:
    """Return the settings that the pipeline for sources reads."""
    return RagSettings(**{field.name: getattr(settings, field.name) for field in fields(RagSettings)})


def source_notices(prepared: Prepared) -> Iterator[Notice]:
    """Yield a notice with the decision about the sources, if there were any."""
    if prepared.outcome and prepared.outcome.rag_request:
        yield decision_notice(prepared.outcome.decision)


def decision_notice(decision: Decision) -> Notice:
    """Return the notice about a decision."""
    return Notice("sources", describe_decision(decision), remark(decision))


def describe_decision(decision: Decision) -> str:
    """Return the decision in one line for a header: ``used; reason=relevant; sources=5; kept=3; dropped=2; ...``.

    Its end is a note for people, if there is one.
    """
    parts = {
        "reason": decision.reason.replace(" ", "-"),
        "sources": decision.sources,
        "kept": decision.kept,
        "dropped": decision.dropped,
        "tokens": decision.tokens,
        "unread": decision.unread,
        "coverage": f"{decision.coverage:.2f}",
        "ms": f"{decision.ms:.0f}",
    }
    if decision.parts:
        parts["parts"] = f"{decision.parts_read}/{decision.parts}"
    if words := remark(decision):
        # What separates the fields must not be in a title; other characters do not get through every proxy.
        parts["note"] = re.sub(r"[^ -~]|[;=]", "?", words)
    fields_text = "; ".join(f"{name}={value}" for name, value in parts.items())
    return f"{'used' if decision.used else 'not used'}; {fields_text}"
