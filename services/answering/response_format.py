"""The form that an answer must have, and who sees to it: the engine's grammar, or the checks of `attempts`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.chat import schema
from services.chat.tools.grammar import call_schema, either, is_beyond, rooted
from services.chat.tools.offer import Offer
from services.chat.tools.prompt import with_instructions
from services.core.model import Model
from services.core.request import GenerationRequest
from services.engines.support import GRAMMARS

CALL_NOW = "Answer with a call of a function, and with nothing else."


@dataclass(frozen=True, slots=True)
class Form:
    """What a job needs for the form of its answer."""

    messages: tuple[dict[str, Any], ...]
    json_schema: dict[str, Any] | None = None
    answer_schema: dict[str, Any] | None = None
    check_call: bool = False


def demanded(generation: GenerationRequest, offer: Offer, model: Model) -> Form:
    """The form of the answer to `generation`. Raises `BadRequest` for a schema that is none."""
    called = generation.call_required and bool(offer.tools)
    if generation.json_schema is not None:
        schema.checked(generation.json_schema)
    if model.engine in GRAMMARS:
        checked = generation.prompt is None and not called and is_beyond(generation.json_schema)
        return Form(offer.messages, grammar(generation, offer, called), generation.json_schema if checked else None)
    if called:
        return Form(urged(offer, model), check_call=True)
    if generation.json_schema is None or generation.prompt is not None:
        return Form(offer.messages, generation.json_schema)
    messages = with_instructions(offer.messages, schema.instructions(generation.json_schema), model)
    return Form(messages, answer_schema=generation.json_schema)


def urged(offer: Offer, model: Model) -> tuple[dict[str, Any], ...]:
    """The messages of a demanded call: a template tells of tools, and the compact text already says to call one."""
    if offer.template_tools is None:
        return offer.messages
    return with_instructions(offer.messages, CALL_NOW, model)


def grammar(generation: GenerationRequest, offer: Offer, called: bool) -> dict[str, Any] | None:
    """What an engine with grammars is given: a demanded call, else the answer's schema, where calls stay possible."""
    if called:
        return call_schema(offer.tools)
    if generation.json_schema is None:
        return None
    if not offer.tools:
        return rooted(generation.json_schema)
    return either(call_schema(offer.tools), generation.json_schema or {"type": "object"})
