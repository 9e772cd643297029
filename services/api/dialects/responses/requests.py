"""Requests of OpenAI's Responses API to `GenerationRequest`s: pure conversions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.api.dialects.common import tools
from services.api.dialects.common.content import clean
from services.api.dialects.common.tools import Chosen, chosen_tools
from services.api.dialects.openai import requests as asks
from services.api.dialects.openai.requests import BACKGROUND_TIER
from services.api.dialects.openai.types import Choice
from services.api.dialects.responses.types import Item, Named, ResponsesRequest, TextConfig, ToolDefinition
from services.core.errors import BadRequest
from services.core.request import GenerationRequest, Sampling, Tool

IGNORED: Mapping[str, tuple[Any, ...]] = {
    "store": (None, False),
    "truncation": (None, "disabled"),
    "service_tier": (None, "auto", "default", BACKGROUND_TIER),
    "context_management": (None, []),
    "prompt_cache_retention": (None, "in_memory"),
}
"""Parameters without effect, each with the values that ask for nothing; any other value is named in the warning."""

STATE: Mapping[str, tuple[Any, ...]] = {
    "previous_response_id": (None,),
    "conversation": (None,),
    "background": (None, False),
    "prompt": (None,),
}
"""Parameters that need a server which keeps what it said, each with the values that do not; others are refused."""

LOGPROBS = "message.output_text.logprobs"


def ignored(request: ResponsesRequest) -> list[str]:
    """The parameters of `request` that ask for something this server does not do."""
    names = asks.ignored(request, IGNORED)
    names += [f"include {name}" for name in request.include or () if name != LOGPROBS]
    if request.text and request.text.verbosity not in (None, "medium"):
        names.append("text.verbosity")
    if request.reasoning and (request.reasoning.summary or request.reasoning.generate_summary):
        names.append("reasoning.summary")
    return names


def chat(request: ResponsesRequest, model: str) -> GenerationRequest:
    """The `GenerationRequest` of a request. Raises `BadRequest`."""
    for name, idle in STATE.items():
        if getattr(request, name) not in idle:
            raise BadRequest(
                f"{name} has no use here: this server keeps no responses. Send the whole conversation as input, and "
                "read the answer, or its stream, from the same request.",
                param=name,
            )
    choice = chosen(request)
    wants_logprobs = request.top_logprobs is not None or LOGPROBS in (request.include or ())
    effort = request.reasoning.effort if request.reasoning else None
    return GenerationRequest(
        model=model,
        messages=tuple(messages(request)),
        max_tokens=request.max_output_tokens,
        background=request.service_tier == BACKGROUND_TIER,
        sampling=Sampling(temperature=request.temperature, top_p=request.top_p),
        logprobs=(request.top_logprobs or 0) if wants_logprobs else None,
        json_schema=schema(request.text),
        schema_strict=strict(request.text),
        thinking=None if effort is None else effort not in asks.NO_THINKING,
        tools=choice.tools,
        call_required=choice.required,
        parallel_calls=choice.parallel,
    )


def schema(text: TextConfig | None) -> dict[str, Any] | None:
    """The JSON schema asked for; ``{}`` for any object; None for free text."""
    if text is None or text.format is None or text.format.type == "text":
        return None
    if text.format.type == "json_schema" and text.format.schema is None:
        raise BadRequest("text.format has the type json_schema but no schema.", param="text.format.schema")
    return text.format.schema if text.format.type == "json_schema" else {}


def strict(text: TextConfig | None) -> bool:
    """Whether the client is ready for a refusal in place of JSON."""
    wanted = text.format if text else None
    return bool(wanted and wanted.type == "json_schema" and wanted.strict)


def chosen(request: ResponsesRequest) -> Chosen:
    """The tools that are offered."""
    offered = [tool(definition, f"tools[{i}]") for i, definition in enumerate(request.tools or ())]
    choice, names = request.tool_choice, None
    if isinstance(choice, Named):
        choice, names = named(choice)
    return chosen_tools(offered, choice, names, parallel=request.parallel_tool_calls)


def named(choice: Named) -> tuple[Choice, list[str]]:
    """What a choice that is an object wants. Raises `BadRequest`."""
    if choice.type == "allowed_tools":
        return choice.mode or "auto", [tool.name for tool in choice.tools or () if tool.name]
    if choice.type != "function" or choice.name is None:
        raise BadRequest(f"tool_choice is of the type {choice.type!r}; name a function of tools.", param="tool_choice")
    return "required", [choice.name]


def tool(definition: ToolDefinition, where: str) -> Tool:
    if definition.type != "function" or definition.name is None:
        raise BadRequest(
            f"{where} is of the type {definition.type!r}; this server runs no tools of its own. Send tools of the type "
            "'function', each with a name.",
            param=where,
        )
    return tools.tool(definition.name, definition.description, definition.parameters, where)


def messages(request: ResponsesRequest) -> list[dict[str, Any]]:
    """The messages that instructions and input are; what one turn says and calls is one message."""
    found: list[dict[str, Any]] = []
    if request.instructions:
        found.append({"role": "system", "content": clean(request.instructions, "instructions")})
    if isinstance(request.input, str):
        return [*found, {"role": "user", "content": clean(request.input, "input")}]
    for index, item in enumerate(request.input):
        if item.type == "function_call":
            turn(found).setdefault("tool_calls", []).append(tool_call(item, f"input[{index}]"))
        elif item.type != "reasoning":  # no chat template shows the model its earlier reasoning
            found.append(message(item, f"input[{index}]"))
    return found


def turn(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The assistant's message at the end of `messages`, where there must be one, made if there is none."""
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": ""})
    return messages[-1]


def message(item: Item, where: str) -> dict[str, Any]:
    if item.type == "function_call_output":
        if item.call_id is None:
            raise BadRequest(f"{where} is a function_call_output without a call_id.", param=f"{where}.call_id")
        said = asks.text(item.output, f"{where}.output") or ""
        return {"role": "tool", "tool_call_id": item.call_id, "content": said}
    if item.type not in (None, "message"):
        raise BadRequest(
            f"{where} is of the type {item.type!r}. Send items of the types message, function_call, "
            "function_call_output and reasoning.",
            param=where,
        )
    content = asks.text(item.content, f"{where}.content")
    if item.role is None or content is None:
        raise BadRequest(f"{where} is a message without a role or without content.", param=where)
    return {"role": "system" if item.role == "developer" else item.role, "content": content}


def tool_call(item: Item, where: str) -> dict[str, Any]:
    if item.call_id is None or item.name is None:
        raise BadRequest(f"{where} is a function_call without a call_id or a name.", param=where)
    return tools.call(item.call_id, item.name, item.arguments or "{}", where)
