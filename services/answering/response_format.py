"""Decide who makes sure of an answer's format: the engine's grammar, or the checks of `repair`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.chat import schema
from services.chat.tools.grammar import call_schema, either, is_beyond, rooted
from services.chat.tools.offer import Offer
from services.chat.tools.prompt import with_instructions
from services.core.message import Messages
from services.core.model import Model
from services.core.request import GenerationRequest
from services.engines.registry import spec_of

CALL_NOW = "Answer with a call of a function, and with nothing else."


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """What an `EngineRequest` needs for the format of its answer; the fields are those of the same names there."""

    messages: Messages
    json_schema: dict[str, Any] | None = None
    answer_schema: dict[str, Any] | None = None
    check_call: bool = False


def demanded(generation: GenerationRequest, offer: Offer, model: Model) -> ResponseFormat:
    """Return the format of the answer to `generation`. Raises `BadRequest` for an unusable schema."""
    called = generation.call_required and bool(offer.tools)
    wanted = generation.json_schema
    if wanted is not None:
        schema.checked(wanted)
    if spec_of(model).grammar:
        # A grammar cannot hold an answer to every keyword; what it leaves open is checked when the answer is whole.
        checked = generation.prompt is None and not called and is_beyond(wanted)
        return ResponseFormat(offer.messages, grammar(generation, offer, called), wanted if checked else None)
    if called:
        return ResponseFormat(urged(offer, model), check_call=True)
    if wanted is None or generation.prompt is not None:
        return ResponseFormat(offer.messages, wanted)
    messages = with_instructions(offer.messages, schema.instructions(wanted), model)
    return ResponseFormat(messages, answer_schema=wanted)


def urged(offer: Offer, model: Model) -> Messages:
    """Return the messages of a demanded call.

    Where the model's own template describes the tools, a sentence says that a call is due; the compact text says so
    already.
    """
    if offer.template_tools is None:
        return offer.messages
    return with_instructions(offer.messages, CALL_NOW, model)


def grammar(generation: GenerationRequest, offer: Offer, called: bool) -> dict[str, Any] | None:
    """Return the schema for the engine's grammar: of a demanded call, else of the answer, where calls stay possible."""
    if called:
        return call_schema(offer.tools)
    if generation.json_schema is None:
        return None
    if not offer.tools:
        return rooted(generation.json_schema)
    return either(call_schema(offer.tools), generation.json_schema or {"type": "object"})
