"""Convert requests of OpenAI's completions to `GenerationRequest`s. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.api.dialects.common import foreign
from services.api.dialects.common.content import clean, parts, result_parts, text_parts
from services.api.dialects.common.parameters import (
    LOW_PRIORITY_TIER,
    NeutralValues,
    logprobs_ignored,
    requested,
    sampling_of,
    stops,
    template_variables,
    thinks,
    token_limit,
)
from services.api.dialects.common.tools import (
    MODES,
    ToolChoice,
    ToolChoiceMode,
    choose_tools,
    conversation,
    earlier_call,
    functions,
    id_text,
    left_out,
    tool_of,
)
from services.api.dialects.openai import formats
from services.api.dialects.openai.types import (
    ChatRequest,
    ChatToolChoice,
    CompletionParameters,
    CompletionRequest,
    FunctionCall,
    NamedFunction,
    RequestMessage,
    RequestToolCall,
)
from services.core.errors import BadRequest
from services.core.message import Message, Part, Role, ToolCall
from services.core.request import GenerationRequest

IGNORED: NeutralValues = {
    "modalities": (None, [], ["text"]),
    "audio": (None,),
    "prediction": (None,),
    "service_tier": (None, "auto", "default", LOW_PRIORITY_TIER),
    "store": (None, False),
    "verbosity": (None, "medium"),
    "web_search_options": (None,),
    "suffix": (None, ""),
    "best_of": (None, 1),
    "add_special_tokens": (None, True),
}
"""Parameters without effect; a value that asks for something is named in the warning."""

STREAM_IGNORED: NeutralValues = {"continuous_usage_stats": (None, False)}
"""The same for the fields of ``stream_options``."""

TOOLS_IGNORED: NeutralValues = {"functions": (None, []), "function_call": (None, "auto")}
"""The same for the legacy shape of tools, beside ``tools``."""

LEGACY_IGNORED: NeutralValues = {"tool_choice": (None, "auto", ChatToolChoice("auto"))}
"""The same for the present shape, beside ``functions``."""

RESULTS = ("tool", "function")
"""Roles of messages whose name is read: that of the tool."""

MAX_PROMPTS = 128
"""The most prompts of one completion; each is a run of its own."""


def ignored(request: CompletionParameters) -> list[str]:
    """Return the names of the parameters with which `request` asks for what this server does not do."""
    names = foreign.ignored(request, IGNORED) + formats.ignored(request.response_format)
    if isinstance(request, ChatRequest):
        names += logprobs_ignored(request) + left_out(tool.type for tool in request.tools or ())
        names += unread(request.messages) + requested(request, LEGACY_IGNORED if legacy(request) else TOOLS_IGNORED)
    return names + requested(request.stream_options, STREAM_IGNORED, "stream_options.")


def unread(messages: Sequence[RequestMessage]) -> list[str]:
    """Return what a warning says of fields of messages that no model reads."""
    named = any(sent.name and sent.role not in RESULTS for sent in messages)
    spoken = any(sent.audio for sent in messages)
    return ["messages.name"] * named + ["messages.audio"] * spoken


def chat(request: ChatRequest) -> GenerationRequest:
    """Return what a chat asks for. Raises `BadRequest`."""
    kwargs = template_variables(request.chat_template_kwargs)
    limit = request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens
    choice = tool_choice(request)
    return GenerationRequest(
        messages=conversation(message(each, f"messages[{i}]") for i, each in enumerate(request.messages)),
        max_tokens=token_limit(limit),
        sampling=sampling_of(request),
        stop=stops(request.stop),
        logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        json_schema=formats.schema(request),
        schema_strict=formats.strict(request.response_format),
        thinking=thinking(request, kwargs.pop("enable_thinking", None)),
        template_kwargs=kwargs,
        tools=choice.tools,
        call_required=choice.required,
        parallel_calls=choice.parallel,
        rag=request.rag is not False,
        low_priority=request.service_tier == LOW_PRIORITY_TIER,
    )


def completions(request: CompletionRequest) -> list[GenerationRequest]:
    """Return what a completion asks for, one for each prompt. Raises `BadRequest`."""
    return [completion(request, prompt) for prompt in prompts(request.prompt)]


def prompts(prompt: str | list[str | int | list[int]]) -> list[str | list[int]]:
    """Return one prompt or several, each a text or the ids of its tokens. Raises `BadRequest`."""
    if isinstance(prompt, str):
        prompt = [prompt]
    ids = [token for token in prompt if isinstance(token, int)]
    several = [part for part in prompt if not isinstance(part, int)]
    if ids and several:
        raise BadRequest("The list of prompts has texts and token ids; send one kind alone.", param="prompt")
    if len(several) > MAX_PROMPTS:
        raise BadRequest(f"There are {len(several)} prompts; send at most {MAX_PROMPTS} at once.", param="prompt")
    if [] in several or "" in several or not prompt:
        raise BadRequest("A prompt is empty; send at least one character or token.", param="prompt")
    return several or [ids]


def completion(request: CompletionRequest, prompt: str | list[int]) -> GenerationRequest:
    """Return what one prompt asks for. Raises `BadRequest`."""
    text = prompt if isinstance(prompt, str) else ""
    return GenerationRequest(
        prompt=clean(text, "prompt"),
        prompt_ids=() if isinstance(prompt, str) else tuple(prompt),
        max_tokens=token_limit(request.max_tokens),
        sampling=sampling_of(request),
        stop=stops(request.stop),
        logprobs=request.logprobs,
        json_schema=formats.schema(request),
    )


def thinking(request: ChatRequest, template_switch: Any) -> bool | None:
    """Return the thinking switch: the template variable wins, then `enable_thinking`, then `reasoning_effort`.

    Raises `BadRequest` for a variable that is no boolean.
    """
    if isinstance(template_switch, bool):
        return template_switch
    if template_switch is not None:
        place = "chat_template_kwargs.enable_thinking"
        raise BadRequest(f"{place} is no boolean; send true or false, or leave it out.", param=place)
    return thinks(request.reasoning_effort) if request.enable_thinking is None else request.enable_thinking


def message(sent: RequestMessage, where: str) -> Message:
    """Return a message. Raises `BadRequest`."""
    renamed: dict[str, Role] = {"developer": "system", "function": "tool"}
    role: Role = renamed.get(sent.role, sent.role)  # type: ignore[arg-type]
    return Message(
        role=role,
        parts=content_parts(sent, role, f"{where}.content"),
        calls=tuple(tool_call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(calls_of(sent))),
        call_id=id_text(sent.tool_call_id),
        name=clean(sent.name, f"{where}.name") if role == "tool" and sent.name else None,
    )


def content_parts(sent: RequestMessage, role: Role, where: str) -> tuple[Part, ...]:
    """Return the parts of a message, none for a result or an answer without text. Raises `BadRequest`."""
    if sent.images:
        raise BadRequest(f"{where} has images beside it; this model reads text only. Leave them out.", param=where)
    if role == "tool":
        return result_parts(sent.content, where)
    if sent.content is None and sent.refusal and role == "assistant":
        return text_parts(sent.refusal, where, written=True)
    if isinstance(sent.content, dict) or (sent.content is None and role != "assistant"):
        raise BadRequest(f"{where} is no text; send a string or a list of text parts.", param=where)
    return parts(sent.content, where, written=role == "assistant")


def tool_call(sent: RequestToolCall, where: str) -> ToolCall:
    """Return a call in an earlier message. Raises `BadRequest`."""
    call = sent.function
    if sent.custom is not None:
        call = FunctionCall(sent.custom.name, {"input": sent.custom.input})
    if call is None:
        raise BadRequest(f"{where} has no function; send its name and arguments.", param=f"{where}.function")
    return earlier_call(sent.id, call.name, call.arguments, where)


def calls_of(sent: RequestMessage) -> list[RequestToolCall]:
    """Return the calls of a message, the single call of OpenAI's legacy shape among them."""
    legacy = [RequestToolCall(sent.function_call)] if sent.function_call else []
    return legacy + (sent.tool_calls or [])


def tool_choice(request: ChatRequest) -> ToolChoice:
    """Return the tools that are offered; ``functions`` and ``function_call`` are their legacy names.

    Raises `BadRequest`.
    """
    if legacy(request):
        return legacy_tool_choice(request)
    tools = functions(request.tools or ())
    choice = request.tool_choice
    if not isinstance(choice, ChatToolChoice):
        return choose_tools(tools, choice and MODES[choice], parallel=request.parallel_tool_calls)
    mode, names = named_tools(choice)
    return choose_tools(tools, mode, names, parallel=request.parallel_tool_calls)


def legacy(request: ChatRequest) -> bool:
    """Return whether a request offers its tools in OpenAI's legacy shape."""
    return request.tools is None and (request.functions is not None or request.function_call is not None)


def named_tools(choice: ChatToolChoice) -> tuple[ToolChoiceMode, list[str] | None]:
    """Return what a choice that is an object wants: the mode, and the names, None for all. Raises `BadRequest`."""
    if choice.type in MODES:
        return MODES[choice.type], None
    if choice.type == "allowed_tools" and choice.allowed_tools is not None:
        allowed = choice.allowed_tools
        return allowed.mode, [item.function.name for item in allowed.tools if item.function]
    if choice.type == "function" and choice.function is not None:
        return "required", [choice.function.name]
    raise BadRequest(
        f"tool_choice has the type {choice.type!r} but no field {choice.type!r}; send it with the names of tools.",
        param="tool_choice",
    )


def legacy_tool_choice(request: ChatRequest) -> ToolChoice:
    """Return the tools that a request in OpenAI's legacy shape offers. Raises `BadRequest`."""
    tools = (tool_of(item, f"functions[{i}]") for i, item in enumerate(request.functions or ()))
    choice = request.function_call
    if isinstance(choice, NamedFunction):
        return choose_tools(tools, "required", [choice.name], parallel=False, param="function_call")
    return choose_tools(tools, "none" if choice == "none" else "auto", parallel=False, param="function_call")
