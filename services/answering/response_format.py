"""Decide what an answer must be, and how the model is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.chat.schemas.checks import check_schemas, schema_instructions
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
    answer_schema: dict[str, Any] | None
    check_call: bool
    hold_back: bool


def choose_format(generation: GenerationRequest, offer: Offer, model: Model) -> ChosenFormat:
    """Return the format of the answer to `generation`. Raises `BadRequest` for a schema that contradicts itself."""
    call_demanded = generation.call_required and bool(offer.tools)
    check_schemas(generation.json_schema, offer.tools)
    answer_schema = None if call_demanded else generation.json_schema
    enforced = spec_of(model).grammar
    messages = offer.messages if enforced else told(generation, offer, model, answer_schema)
    promised = call_demanded or answer_schema is not None
    return ChosenFormat(messages, answer_schema, call_demanded, hold_back=promised and not enforced)


def told(generation: GenerationRequest, offer: Offer, model: Model, answer_schema: dict[str, Any] | None) -> Messages:
    """Return the messages with what the answer must be, for an engine without grammars."""
    if generation.call_required and offer.tools:
        return demand_call(offer, model)
    if answer_schema is None or generation.prompt is not None:
        return offer.messages
    return with_instructions(offer.messages, schema_instructions(answer_schema), model)


def demand_call(offer: Offer, model: Model) -> Messages:
    """Return the messages of a request that demands a call.

    A sentence is added if the model's own template describes the tools. The compact text already contains it.
    """
    if offer.template_tools is None:
        return offer.messages
    return with_instructions(offer.messages, CALL_NOW, model)
