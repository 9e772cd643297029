"""Decide what ensures the format of an answer: the engine's grammar, or the checks of `repair`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.chat import schema
from services.chat.tools.grammar import call_or_answer_schema, call_schema, exceeds_grammar, with_own_root
from services.chat.tools.offer import Offer
from services.chat.tools.prompt import with_instructions
from services.core.message import Messages
from services.core.model import Model
from services.core.request import GenerationRequest
from services.engines.registry import spec_of

CALL_NOW = "Answer with a call of a function, and with nothing else."
"""The sentence that demands a call from a model whose own template describes the tools."""


@dataclass(frozen=True, slots=True)
class ChosenFormat:
    """The fields of an `EngineRequest` that depend on the format of the answer; their names are the same there."""

    messages: Messages
    json_schema: dict[str, Any] | None = None
    answer_schema: dict[str, Any] | None = None
    check_call: bool = False


def choose_format(generation: GenerationRequest, offer: Offer, model: Model) -> ChosenFormat:
    """Return the format of the answer to `generation`. Raises `BadRequest` for a schema that cannot be used."""
    call_demanded = generation.call_required and bool(offer.tools)
    answer_schema = generation.json_schema
    if answer_schema is not None:
        schema.check_schema(answer_schema)
    if spec_of(model).grammar:
        # A grammar cannot enforce every keyword; what it leaves open is checked when the answer is complete.
        checked = generation.prompt is None and not call_demanded and exceeds_grammar(answer_schema)
        return ChosenFormat(
            offer.messages, grammar_schema(generation, offer, call_demanded), answer_schema if checked else None
        )
    if call_demanded:
        return ChosenFormat(demand_call(offer, model), check_call=True)
    if answer_schema is None or generation.prompt is not None:
        return ChosenFormat(offer.messages, answer_schema)
    messages = with_instructions(offer.messages, schema.schema_instructions(answer_schema), model)
    return ChosenFormat(messages, answer_schema=answer_schema)


def demand_call(offer: Offer, model: Model) -> Messages:
    """Return the messages of a request that demands a call.

    A sentence is added if the model's own template describes the tools. The compact text already contains it.
    """
    if offer.template_tools is None:
        return offer.messages
    return with_instructions(offer.messages, CALL_NOW, model)


def grammar_schema(generation: GenerationRequest, offer: Offer, call_demanded: bool) -> dict[str, Any] | None:
    """Return the schema for the engine's grammar; None for an answer without one.

    It is that of a call if one is demanded, else that of the answer, in which calls stay possible.
    """
    if call_demanded:
        return call_schema(offer.tools)
    if generation.json_schema is None:
        return None
    if not offer.tools:
        return with_own_root(generation.json_schema)
    return call_or_answer_schema(call_schema(offer.tools), generation.json_schema or {"type": "object"})
