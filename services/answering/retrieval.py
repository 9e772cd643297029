"""A request's sources, prepared for the model that answers it. Pure but for the time it measures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields, replace

from services.answering.plan import with_system_prompt
from services.chat.rag.pipeline import Decision, Outcome, apply
from services.chat.rag.settings import Knobs, ModelFacts
from services.chat.tokens import Counter, estimate
from services.chat.tools.offer import taken
from services.core.model import Model
from services.core.request import Ask
from services.core.settings import Settings

log = logging.getLogger(__name__)


def prepared(
    ask: Ask,
    model: Model,
    settings: Settings,
    breathe: Callable[[], None],
    prefill_speed: float | None = None,
    count: Counter = estimate,
) -> tuple[Ask, Outcome]:
    """`ask` with its sources cleaned, selected and set into a prompt that fits, and what was decided.

    Calls `breathe` every few milliseconds of work. `prefill_speed` is in tokens a second, None where unmeasured;
    `count` is the model's.
    """
    if ask.prompt is not None:
        return ask, Outcome((), Decision(False, "no chat"))
    knobs = replace(knobs_of(settings), rag_enabled=settings.rag_enabled and model.rag and ask.rag)
    messages = with_system_prompt(ask.messages, model.system_prompt)
    outcome = apply(messages, facts(ask, model, settings, prefill_speed), knobs, count, breathe)
    log.debug("rag: %s", describe(outcome.decision))
    if outcome.found is None:
        return ask, outcome
    thinking = False if outcome.thinking_off and ask.thinking is None else ask.thinking
    before = ask.messages if outcome.decision.used else ()
    return replace(ask, messages=outcome.messages, thinking=thinking, unprepared=before), outcome


def knobs_of(settings: Settings) -> Knobs:
    return Knobs(**{knob.name: getattr(settings, knob.name) for knob in fields(Knobs)})


def facts(ask: Ask, model: Model, settings: Settings, prefill_speed: float | None) -> ModelFacts:
    answer = ask.max_tokens or int(dict(model.sampling).get("max_tokens") or settings.max_tokens_default)
    return ModelFacts(model.context_length - taken(ask, model), answer, prefill_speed, model.rag_tokens)


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
