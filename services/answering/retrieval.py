"""A request's sources, prepared for the model that answers it. Pure but for the time it measures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields, replace

from services.answering.plan import with_system_prompt
from services.chat.rag.pipeline import Decision, Outcome, apply
from services.chat.rag.settings import ModelFacts, RagSettings
from services.chat.tokens import Counter, estimate
from services.chat.tools.offer import taken
from services.core.model import Model
from services.core.request import GenerationRequest
from services.core.settings import Settings

log = logging.getLogger(__name__)


def prepared(
    generation: GenerationRequest,
    model: Model,
    settings: Settings,
    breathe: Callable[[], None],
    prefill_speed: float | None = None,
    count: Counter = estimate,
) -> tuple[GenerationRequest, Outcome]:
    """`generation` with its sources cleaned, selected and set into a prompt that fits, and what was decided.

    Calls `breathe` every few milliseconds of work. `prefill_speed` is in tokens a second, None where unmeasured;
    `count` is the model's.
    """
    if generation.prompt is not None:
        return generation, Outcome((), Decision(False, "no chat"))
    limits = replace(rag_settings(settings), rag_enabled=settings.rag_enabled and model.rag and generation.rag)
    messages = with_system_prompt(generation.messages, model.system_prompt)
    outcome = apply(messages, facts(generation, model, settings, prefill_speed), limits, count, breathe)
    log.debug("rag: %s", describe(outcome.decision))
    if outcome.found is None:
        return generation, outcome
    thinking = False if outcome.thinking_off and generation.thinking is None else generation.thinking
    before = generation.messages if outcome.decision.used else ()
    return replace(generation, messages=outcome.messages, thinking=thinking, unprepared=before), outcome


def rag_settings(settings: Settings) -> RagSettings:
    return RagSettings(**{knob.name: getattr(settings, knob.name) for knob in fields(RagSettings)})


def facts(generation: GenerationRequest, model: Model, settings: Settings, prefill_speed: float | None) -> ModelFacts:
    answer = generation.max_tokens or int(dict(model.sampling).get("max_tokens") or settings.max_tokens_default)
    return ModelFacts(model.context_length - taken(generation, model), answer, prefill_speed, model.rag_tokens)


def describe(decision: Decision) -> str:
    """One line for the header and the log: ``used; reason=relevant; sources=5; kept=3; dropped=2; tokens=1350``."""
    parts = {
        "reason": decision.reason.replace(" ", "-"),
        "sources": decision.sources,
        "kept": decision.kept,
        "dropped": decision.dropped,
        "tokens": decision.tokens,
        "coverage": f"{decision.coverage:.2f}",
        "ms": f"{decision.ms:.0f}",
    }
    said = "; ".join(f"{name}={value}" for name, value in parts.items())
    return f"{'used' if decision.used else 'not used'}; {said}"
