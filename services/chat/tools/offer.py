"""How a request's tools come into the prompt of its model, and how much of it they may take. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from services.chat.tokens import estimate
from services.chat.tools import families, prompt
from services.core.errors import BadRequest
from services.core.message import Messages
from services.core.model import OFF, REQUIRED_ONLY, Model
from services.core.request import GenerationRequest, Tool
from services.core.settings import Settings
from services.engines.registry import spec_of

SHARE = 2
"""Tools may take one in so many tokens of the context: the rest is for the conversation and the answer."""

CHARACTERS_PER_TOKEN = 4
"""What most texts have about."""

FAR = 32
"""Characters per token that tools may take, from which on nothing is estimated: all others would wait for that."""


_TOOLS = re.compile(r"\{%-?[^%]*\btools\b")
"""A statement that reads ``tools``: a template that only has the word in a text does not know them."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a job needs for its tools."""

    messages: Messages
    tools: tuple[Tool, ...] = ()
    family: str = ""
    template_tools: list[dict[str, Any]] | None = None
    """For the model's own template."""


def offer(generation: GenerationRequest, messages: Messages, model: Model, settings: Settings) -> Offer:
    """The offer for `generation`, whose messages are `messages`.

    The model's own template renders the tools where it knows them and they fit; else they become a compact text.
    Raises `BadRequest` where a demanded call is impossible, and where the tools are too large.
    """
    own = template_knows(model) and spec_of(model).renders_template(settings)
    family = families.of_model(model)
    said = messages if own else prompt.as_text(messages, family)
    if not generation.tools:
        return Offer(said)
    if left_out(generation, model):
        return dropped(generation, said, f"The model {model.id!r} calls no tools: {why_dropped(model)}.")
    definitions = [definition(tool) for tool in generation.tools]
    if own and size(definitions, model) <= room(model):
        return Offer(messages, generation.tools, family.name, definitions)
    text = prompt.instructions(generation.tools, family, generation.call_required)
    tokens = about(text, model)
    if tokens <= room(model):
        return Offer(
            prompt.with_instructions(prompt.as_text(messages, family), text, model), generation.tools, family.name
        )
    refusal = too_large(tokens, len(generation.tools), model)
    if settings.tools_over_budget == "drop":
        return dropped(generation, said, refusal)
    raise BadRequest(refusal, param="tools")


def left_out(generation: GenerationRequest, model: Model) -> bool:
    """Return whether the model's settings leave the tools of `generation` out."""
    return model.tools == OFF or (model.tools == REQUIRED_ONLY and not generation.call_required)


def why_dropped(model: Model) -> str:
    """Return in a few words why tools of a request were left out, where they were."""
    if model.tools in (OFF, REQUIRED_ONLY):
        return f"its model.yaml has tools: {model.tools}"
    return "they take more than half of its context"


def dropped(generation: GenerationRequest, messages: Messages, reason: str) -> Offer:
    """An offer without tools. Raises `BadRequest` where a call is demanded."""
    if generation.call_required:
        raise BadRequest(f"{reason} Leave tool_choice out, or choose another model.", param="tool_choice")
    return Offer(messages)


def template_knows(model: Model) -> bool:
    """Return whether the model's own template knows tools, and calls in a form that is known here and wanted."""
    named = families.BY_NAME.get(model.tools)
    return knows_tools(model.chat_template) and (named is None or bool(named.signs))


@lru_cache(maxsize=64)
def knows_tools(template: str) -> bool:
    """Return whether `template` renders tools, for a model of a known family."""
    return bool(_TOOLS.search(template)) and families.of_template(template) is not families.AUTO


def definition(tool: Tool) -> dict[str, Any]:
    """A tool as chat templates know it, which is as OpenAI writes it."""
    parameters = tool.parameters or {"type": "object", "properties": {}}
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": parameters},
    }


def room(model: Model) -> int:
    """Tokens that tools may take of the model's context."""
    return model.context_length // SHARE


def size(definitions: list[dict[str, Any]], model: Model) -> int:
    return about(json.dumps(definitions, ensure_ascii=False), model)


def about(text: str, model: Model) -> int:
    """Tokens that `text` takes of the context, estimated; far beyond the room by nothing but its length."""
    return estimate(text) if len(text) <= room(model) * FAR else len(text) // CHARACTERS_PER_TOKEN


def taken(generation: GenerationRequest, model: Model) -> int:
    """Tokens of the context that the tools of `generation` take at most."""
    if not generation.tools or left_out(generation, model):
        return 0
    compact = about(prompt.instructions(generation.tools, families.of_model(model), generation.call_required), model)
    whole = size([definition(tool) for tool in generation.tools], model) if template_knows(model) else 0
    return max(found for found in (0, compact, whole) if found <= room(model))


def too_large(tokens: int, count: int, model: Model) -> str:
    return (
        f"The {count} tools of this request take about {tokens} tokens; the model {model.id!r} has a context of "
        f"{model.context_length} tokens, of which tools may take {room(model)}. Offer fewer tools, choose a model with "
        "a longer context, or switch the tools off in the client (Open WebUI: set Function Calling of the model to "
        "Legacy, or take the Builtin Tools from its capabilities)."
    )
