"""Decide how the tools of a request enter the prompt, and limit the room that they take."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from services.chat.tokens import estimate_tokens
from services.chat.tools import families, prompt
from services.core.errors import BadRequest
from services.core.message import Messages
from services.core.model import OFF, REQUIRED_ONLY, Model
from services.core.request import GenerationRequest, Tool
from services.core.settings import Settings
from services.engines.registry import spec_of

CONTEXT_SHARE = 2
"""Tools may take one of this many parts of the context; the rest is for the conversation and the answer."""


_TOOLS = re.compile(r"\{%-?[^%]{0,2000}\btools\b")
"""A statement of a template that reads ``tools``. A template that only has the word in a text does not render tools."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What an `EngineRequest` needs for its tools."""

    messages: Messages
    """The messages, with the tools as text if the model's template does not render them."""
    tools: tuple[Tool, ...] = ()
    family: str = ""
    """The name of the model's family of calls."""
    template_tools: list[dict[str, Any]] | None = None
    """The tools for the model's own template; None if they are text in `messages`."""


def make_offer(generation: GenerationRequest, messages: Messages, model: Model, settings: Settings) -> Offer:
    """Return the offer for `generation`, whose messages are `messages`.

    The model's own template renders the tools if it can and they fit; otherwise they become a compact text. Raises
    `BadRequest` if a demanded call is impossible, or if the tools are too large.
    """
    template_has_tools = template_renders(model, settings)
    family = families.of_model(model)
    plain_messages = messages if template_has_tools else prompt.calls_as_text(messages, family)
    if not generation.tools:
        return Offer(plain_messages)
    if leaves_tools_out(generation, model):
        return offer_without_tools(
            generation, plain_messages, f"The model {model.id!r} calls no tools: {drop_reason(model)}."
        )
    definitions = [tool_definition(tool) for tool in generation.tools]
    # The model was trained with its own template, so its calls are better with it than with the compact text.
    if template_has_tools and definition_tokens(definitions) <= token_limit(model):
        return Offer(messages, generation.tools, family.name, definitions)
    text = prompt.tool_instructions(generation.tools, family, generation.call_required)
    tokens = estimate_tokens(text)
    if tokens <= token_limit(model):
        return Offer(
            prompt.with_instructions(prompt.calls_as_text(messages, family), text, model), generation.tools, family.name
        )
    refusal = too_large_message(tokens, len(generation.tools), model)
    if settings.tools_over_budget == "drop":
        return offer_without_tools(generation, plain_messages, refusal)
    raise BadRequest(refusal, param="tools")


def leaves_tools_out(generation: GenerationRequest, model: Model) -> bool:
    """Return whether the model's settings leave the tools of `generation` out."""
    return model.tools == OFF or (model.tools == REQUIRED_ONLY and not generation.call_required)


def drop_reason(model: Model) -> str:
    """Return in a few words why the tools of a request were left out, if they were."""
    if model.tools in (OFF, REQUIRED_ONLY):
        return f"its model.yaml has tools: {model.tools}"
    return "they take more than half of its context"


def offer_without_tools(generation: GenerationRequest, messages: Messages, reason: str) -> Offer:
    """Return an offer without tools. Raises `BadRequest` if the request demands a call."""
    if generation.call_required:
        raise BadRequest(f"{reason} Leave tool_choice out, or choose another model.", param="tool_choice")
    return Offer(messages)


def template_renders(model: Model, settings: Settings) -> bool:
    """Return whether the model's own template will render tools: it can, and the engine uses it."""
    return template_knows(model) and spec_of(model).renders_template(settings)


def template_knows(model: Model) -> bool:
    """Return whether the model's own template renders tools, and asks for calls of a known family."""
    named_family = families.BY_NAME.get(model.tools)
    return knows_tools(model.chat_template) and (named_family is None or bool(named_family.template_signs))


@lru_cache(maxsize=64)
def knows_tools(template: str) -> bool:
    """Return whether `template` renders tools and belongs to a known family."""
    return bool(_TOOLS.search(template)) and families.of_template(template) is not families.AUTO


def tool_definition(tool: Tool) -> dict[str, Any]:
    """Return a tool in the format of chat templates, which is OpenAI's."""
    # Chat templates read the properties, so they must be there.
    parameters = tool.parameters or {"type": "object", "properties": {}}
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": parameters},
    }


def token_limit(model: Model) -> int:
    """Return the tokens that tools may take of the model's context."""
    return model.context_length // CONTEXT_SHARE


def definition_tokens(definitions: list[dict[str, Any]]) -> int:
    """Return the tokens of the definitions as JSON, estimated."""
    return estimate_tokens(json.dumps(definitions, ensure_ascii=False))


def tokens_for_tools(generation: GenerationRequest, model: Model) -> int:
    """Return the largest number of tokens that the tools of `generation` can take of the context."""
    if not generation.tools or leaves_tools_out(generation, model):
        return 0
    text = prompt.tool_instructions(generation.tools, families.of_model(model), generation.call_required)
    sizes = [0, estimate_tokens(text)]
    if template_knows(model):
        sizes.append(definition_tokens([tool_definition(tool) for tool in generation.tools]))
    return max(tokens for tokens in sizes if tokens <= token_limit(model))


def too_large_message(tokens: int, count: int, model: Model) -> str:
    """Return the error message for tools that are too large."""
    return (
        f"The {count} tools of this request take about {tokens} tokens; the model {model.id!r} has a context of "
        f"{model.context_length} tokens, of which tools may take {token_limit(model)}. Offer fewer tools, choose a "
        "model with a longer context, or switch the tools off in the client (Open WebUI: set Function Calling of the "
        "model to Legacy, or take the Builtin Tools from its capabilities)."
    )
