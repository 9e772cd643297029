"""Prepare the sources of a request for the model that answers it, and keep answers to questions with sources."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import fields, replace

from services.answering.plan import Prepared, with_system_prompt
from services.chat.rag.cache import AnswerCache
from services.chat.rag.pipeline import Decision, apply
from services.chat.rag.ratios import TokenRatios
from services.chat.rag.settings import ModelFacts, RagSettings
from services.chat.rag.speed import PrefillSpeeds
from services.chat.tools.offer import taken
from services.core.errors import ContextOverflow
from services.core.events import Done, Event, Notice
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest
from services.core.settings import Settings

log = logging.getLogger(__name__)


def give_way() -> None:
    """Let other requests run: under gevent a sleep of any length gives up the processor."""
    time.sleep(0)


class Sources:
    """What requests with sources share: the kept answers, and each model's reading speed and tokens per text.

    Used by any thread. Nothing blocks, but `prepare` works for up to some hundred milliseconds and gives way meanwhile.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._answers = AnswerCache(settings.rag_cache_max_entries, settings.rag_cache_ttl)
        self._speeds, self._ratios = PrefillSpeeds(), TokenRatios()

    def prepare(self, generation: GenerationRequest, model: Model) -> Prepared:
        """Return the messages of `generation` with its sources cleaned, selected and cut to the model's context."""
        if generation.prompt is not None:
            return Prepared((), generation.thinking)
        wanted = self._settings.rag_enabled and model.rag and generation.rag
        outcome = apply(
            with_system_prompt(generation.messages, model.system_prompt),
            self._facts(generation, model),
            replace(rag_settings(self._settings), rag_enabled=wanted),
            self._ratios.counter(model),
            give_way,
        )
        log.debug("rag: %s", describe(outcome.decision))
        if outcome.found is None:
            return Prepared(generation.messages, generation.thinking, outcome)
        switched_off = outcome.thinking_off and generation.thinking is None
        return Prepared(outcome.messages, False if switched_off else generation.thinking, outcome)

    def count(self, prepared: Prepared) -> None:
        """Count what was decided about the sources of a chat."""
        if (outcome := prepared.outcome) is not None:
            decision = "context" if outcome.decision.used else "follow_up" if outcome.found else "plain"
            self._metrics.rag_decisions.labels(decision).inc()

    def kept(self, request: EngineRequest) -> Iterator[Event] | None:
        """Return the kept answer to the same question with the same sources; None where there is none."""
        answer = self._answers.find(request)
        self._metrics.rag_cache.labels("hit" if answer else "miss").inc()
        return answer.events() if answer else None

    def keep(self, request: EngineRequest, events: Iterator[Event]) -> Iterator[Event]:
        """Pass `events` on, and keep the answer when it is complete. Closes `events` at the end."""
        return self._answers.keeping(request, events)

    def learn(self, request: EngineRequest, done: Done) -> None:
        """Remember how fast the model read the prompt, and how many tokens it made of it."""
        self._speeds.note(request.model, done)
        self._ratios.note(request, done.usage.prompt_tokens)

    def prepare_fewer(self, prepared: Prepared, request: EngineRequest, error: ContextOverflow) -> Prepared | None:
        """Return `prepared` with as much of the sources as fits by the engine's count.

        None where that changes nothing: then `error` stands.
        """
        if not (request.sources_used and error.counted):
            return None
        self._ratios.note(request, error.prompt_tokens)
        fewer = self.prepare(request.generation, request.model)
        return None if fewer.messages == prepared.messages else fewer

    def _facts(self, generation: GenerationRequest, model: Model) -> ModelFacts:
        default = dict(model.sampling).get("max_tokens") or self._settings.max_tokens_default
        return ModelFacts(
            model.context_length - taken(generation, model),
            generation.max_tokens or int(default),
            self._speeds.of(model),
            model.rag_tokens,
        )


def rag_settings(settings: Settings) -> RagSettings:
    """Return the part of `settings` that the pipeline for sources reads."""
    return RagSettings(**{field.name: getattr(settings, field.name) for field in fields(RagSettings)})


def notices(prepared: Prepared) -> Iterator[Notice]:
    """Yield what was decided about the sources, where there were any."""
    if prepared.outcome and prepared.outcome.found:
        yield Notice("sources", describe(prepared.outcome.decision))


def describe(decision: Decision) -> str:
    """Return one line: ``used; reason=relevant; sources=5; kept=3; dropped=2; tokens=1350; coverage=0.61; ms=12``."""
    parts = {
        "reason": decision.reason.replace(" ", "-"),
        "sources": decision.sources,
        "kept": decision.kept,
        "dropped": decision.dropped,
        "tokens": decision.tokens,
        "coverage": f"{decision.coverage:.2f}",
        "ms": f"{decision.ms:.0f}",
    }
    fields_text = "; ".join(f"{name}={value}" for name, value in parts.items())
    return f"{'used' if decision.used else 'not used'}; {fields_text}"
