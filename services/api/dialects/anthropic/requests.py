"""Requests of Anthropic's API to `GenerationRequest`s: pure conversions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from services.api.dialects.anthropic.types import (
    Block,
    CountRequest,
    InputMessage,
    MessagesRequest,
    ToolChoice,
    ToolDefinition,
)
from services.api.dialects.common import tools
from services.api.dialects.common.tools import Chosen, chosen_tools
from services.api.dialects.openai import requests as asks
from services.api.dialects.openai.types import Choice, Part
from services.core.errors import BadRequest
from services.core.request import GenerationRequest, Sampling, Tool

IGNORED: Mapping[str, tuple[Any, ...]] = {
    "mcp_servers": (None, []),
    "context_management": (None,),
    "service_tier": (None, "auto", "standard_only"),
    "container": (None,),
}
"""Parameters without effect, each with the values that ask for nothing; any other value is named in the warning."""

THINKING = {"enabled": True, "disabled": False, "adaptive": None}
"""How a client sets the switch; None leaves it to the model."""

CHOICES: Mapping[str, Choice] = {"auto": "auto", "any": "required", "tool": "required", "none": "none"}
"""OpenAI's word for each choice of tools."""

EARLIER_REASONING = ("thinking", "redacted_thinking")
"""Blocks that clients send back and no chat template shows the model again."""


def ignored(request: CountRequest) -> list[str]:
    """The parameters of `request` that ask for something this server does not do."""
    thinking, config = request.thinking, request.output_config
    names = asks.ignored(request, IGNORED)
    names += ["thinking.budget_tokens"] if thinking and thinking.budget_tokens is not None else []
    names += ["thinking.display"] if thinking and thinking.display not in (None, "summarized") else []
    return names + (["output_config.effort"] if config and config.effort else [])


def chat(request: CountRequest, model: str) -> GenerationRequest:
    """The `GenerationRequest` of a request; one whose tokens are counted alone has no sampling. Raises `BadRequest`."""
    choice = chosen(request)
    output = request.output_config and request.output_config.format
    messages = (part for i, m in enumerate(request.messages) for part in message(m, i))
    generation = GenerationRequest(
        model=model,
        messages=(*system(request), *messages),
        json_schema=output.schema if output else None,
        schema_strict=output is not None,  # Anthropic has no other
        thinking=THINKING[request.thinking.type] if request.thinking else None,
        tools=choice.tools,
        call_required=choice.required,
        parallel_calls=choice.parallel,
    )
    return sampled(generation, request) if isinstance(request, MessagesRequest) else generation


def sampled(generation: GenerationRequest, request: MessagesRequest) -> GenerationRequest:
    sampling = Sampling(temperature=request.temperature, top_p=request.top_p, top_k=request.top_k)
    return replace(
        generation, max_tokens=request.max_tokens, sampling=sampling, stop=asks.stops(request.stop_sequences)
    )


def chosen(request: CountRequest) -> Chosen:
    """The tools that are offered."""
    offered = [tool(definition, f"tools[{i}]") for i, definition in enumerate(request.tools or ())]
    choice = request.tool_choice or ToolChoice("auto")
    if choice.type == "tool" and choice.name is None:
        raise BadRequest("tool_choice names no tool; send its name.", param="tool_choice.name")
    names = [choice.name] if choice.type == "tool" and choice.name else None
    return chosen_tools(offered, CHOICES[choice.type], names, parallel=choice.disable_parallel_tool_use is not True)


def tool(definition: ToolDefinition, where: str) -> Tool:
    if definition.type not in (None, "custom"):
        raise BadRequest(
            f"{where} is of the type {definition.type!r}, which runs on Anthropic's servers. Send tools of your own, "
            "with a name and an input_schema.",
            param=where,
        )
    return tools.tool(definition.name, definition.description, definition.input_schema, where)


def system(request: CountRequest) -> Iterator[dict[str, Any]]:
    if request.system:
        yield {"role": "system", "content": text(request.system, "system")}


def message(message: InputMessage, index: int) -> list[dict[str, Any]]:
    """The messages that `message` is for a chat template, where results of tools are messages of their own."""
    where = f"messages[{index}].content"
    if message.role == "assistant":
        return [assistant(message.content, where)]
    if message.role == "system" or isinstance(message.content, str):
        return [{"role": message.role, "content": text(message.content, where)}]
    results = [tool_result(b, f"{where}[{i}]") for i, b in enumerate(message.content) if b.type == "tool_result"]
    said = [asks.part_text(part(b), f"{where}[{i}]") for i, b in enumerate(message.content) if b.type != "tool_result"]
    return [*results, *([{"role": "user", "content": "\n".join(said)}] if said or not results else [])]


def assistant(content: str | list[Block], where: str) -> dict[str, Any]:
    """What the model said and called before; its reasoning is left out."""
    if isinstance(content, str):
        return {"role": "assistant", "content": text(content, where)}
    calls = [tool_call(b, f"{where}[{i}]") for i, b in enumerate(content) if b.type == "tool_use"]
    apart = ("tool_use", *EARLIER_REASONING)
    said = [asks.part_text(part(b), f"{where}[{i}]") for i, b in enumerate(content) if b.type not in apart]
    return {"role": "assistant", "content": "\n".join(said), **({"tool_calls": calls} if calls else {})}


def tool_call(block: Block, where: str) -> dict[str, Any]:
    if block.id is None or block.name is None:
        raise BadRequest(f"{where} is a tool_use without an id or a name.", param=where)
    return tools.call(block.id, block.name, json.dumps(block.input or {}, ensure_ascii=False), where)


def tool_result(block: Block, where: str) -> dict[str, Any]:
    """A failed one begins with ``Error:``, since messages of tools have no place for it."""
    if block.tool_use_id is None:
        raise BadRequest(f"{where} is a tool_result without a tool_use_id.", param=f"{where}.tool_use_id")
    said = text(block.content or "", f"{where}.content")
    return {"role": "tool", "tool_call_id": block.tool_use_id, "content": f"Error: {said}" if block.is_error else said}


def text(content: str | list[Block], where: str) -> str:
    """Raises `BadRequest` for blocks that are no text."""
    return asks.text(content if isinstance(content, str) else [part(block) for block in content], where) or ""


def part(block: Block) -> Part:
    return Part(block.type, block.text)
