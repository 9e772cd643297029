"""How a request's tools come into the prompt of its model. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.chat.tools import prompt
from services.core.errors import BadRequest
from services.core.job import Ask, Tool
from services.core.model import Model
from services.core.settings import Settings

OFF = "off"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a job needs for its tools."""

    messages: tuple[dict[str, Any], ...]
    tools: tuple[Tool, ...] = ()
    family: str = ""
    template_tools: list[dict[str, Any]] | None = None
    """For the model's own template."""


def offer(ask: Ask, messages: tuple[dict[str, Any], ...], model: Model, settings: Settings) -> Offer:
    """The offer for `ask`, whose messages are `messages`. Raises `BadRequest` where a call is impossible."""
    if model.tools == OFF:
        if ask.call_required:
            raise BadRequest(
                f"The model {model.id!r} calls no tools: its model.yaml says so (tools: off). Leave tool_choice out, "
                "or choose another model.",
                param="tool_choice",
            )
        return Offer(prompt.as_text(messages, "json"))
    own = template_renders(model, settings)
    if not own:
        messages = prompt.as_text(messages, model.tools)
    if not ask.tools:
        return Offer(messages)
    if own:
        return Offer(messages, ask.tools, model.tools, [definition(tool) for tool in ask.tools])
    text = prompt.instructions(ask.tools, model.tools, ask.call_required)
    return Offer(prompt.with_instructions(messages, text), ask.tools, model.tools)


def template_renders(model: Model, settings: Settings) -> bool:
    """Whether the model's own template will render tools: it knows them, and the engine uses it."""
    if model.engine == "rkllm":
        return model.tools_template and settings.npu_prompt != "template"
    return model.tools_template and model.engine == "llama"


def definition(tool: Tool) -> dict[str, Any]:
    """A tool as chat templates know it, which is as OpenAI writes it."""
    parameters = tool.parameters or {"type": "object", "properties": {}}
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": parameters},
    }
