"""Convert requests of OpenAI's Responses API to `GenerationRequest`s. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.api.dialects.common.content import parts, text_parts
from services.api.dialects.common.parameters import LOW_PRIORITY_TIER, NeutralValues, requested, sampling_of, thinks
from services.api.dialects.common.tools import ToolChoice, ToolChoiceMode, choose_tools, earlier_call, tool
from services.api.dialects.responses.types import (
    ResponseInputItem,
    ResponsesRequest,
    ResponseTool,
    ResponseToolChoice,
    TextConfig,
)
from services.core.errors import BadRequest
from services.core.message import Message, ToolCall
from services.core.request import GenerationRequest, Tool

IGNORED: NeutralValues = {
    "store": (None, False),
    "truncation": (None, "disabled"),
    "service_tier": (None, "auto", "default", LOW_PRIORITY_TIER),
    "context_management": (None, []),
    "prompt_cache_retention": (None, "in_memory"),
}
"""Parameters without effect; a value that asks for something is named in the warning."""

TEXT_IGNORED: NeutralValues = {"verbosity": (None, "medium")}
"""The same for the fields of ``text``."""

STATE: NeutralValues = {
    "previous_response_id": (None,),
    "conversation": (None,),
    "background": (None, False),
    "prompt": (None,),
}
"""Parameters that need a server that keeps its responses; a value that asks for something is refused."""

LOGPROBS = "message.output_text.logprobs"
"""The value of ``include`` that asks for logprobs."""


INCLUDABLE = frozenset(
    {
        LOGPROBS,
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
        "file_search_call.results",
        "message.input_image.image_url",
        "reasoning.encrypted_content",
        "web_search_call.action.sources",
        "web_search_call.results",
    }
)
"""The values of `include` that OpenAI documents."""


def ignored(request: ResponsesRequest) -> list[str]:
    """Return the names of the parameters with which `request` asks for what this server does not do."""
    names = requested(request, IGNORED)
    # Only names that OpenAI documents: they become header text and metric labels, which a client must not choose.
    included = sorted({f"include {name}" if name in INCLUDABLE else "include" for name in request.include or ()})
    names += [name for name in included if name != f"include {LOGPROBS}"]
    names += requested(request.text, TEXT_IGNORED, "text.")
    if request.reasoning and (request.reasoning.summary or request.reasoning.generate_summary):
        names.append("reasoning.summary")
    return names


def chat(request: ResponsesRequest) -> GenerationRequest:
    """Return what a request asks for. Raises `BadRequest`."""
    for name in requested(request, STATE):
        raise BadRequest(
            f"{name} needs stored responses, and this server keeps no responses. Send the whole conversation as input, "
            f"and leave {name} out.",
            param=name,
        )
    choice = tool_choice(request)
    wants_logprobs = request.top_logprobs is not None or LOGPROBS in (request.include or ())
    return GenerationRequest(
        messages=tuple(messages(request)),
        max_tokens=request.max_output_tokens,
        sampling=sampling_of(request),
        logprobs=(request.top_logprobs or 0) if wants_logprobs else None,
        json_schema=schema(request.text),
        schema_strict=strict(request.text),
        thinking=thinks(request.reasoning.effort if request.reasoning else None),
        tools=choice.tools,
        call_required=choice.required,
        parallel_calls=choice.parallel,
        low_priority=request.service_tier == LOW_PRIORITY_TIER,
    )


def schema(text: TextConfig | None) -> dict[str, Any] | None:
    """Return the JSON schema asked for; ``{}`` for any object; None for free text. Raises `BadRequest`."""
    if text is None or text.format is None or text.format.type == "text":
        return None
    if text.format.type == "json_object":
        return {}
    if text.format.schema is None:
        raise BadRequest("text.format has the type json_schema but no schema; send one.", param="text.format.schema")
    return text.format.schema


def strict(text: TextConfig | None) -> bool:
    """Tell whether the client is ready for a refusal in place of JSON."""
    wanted = text.format if text else None
    return bool(wanted and wanted.type == "json_schema" and wanted.strict)


def tool_choice(request: ResponsesRequest) -> ToolChoice:
    """Return the tools that are offered. Raises `BadRequest`."""
    offered = [offered_tool(each, f"tools[{i}]") for i, each in enumerate(request.tools or ())]
    choice = request.tool_choice
    if not isinstance(choice, ResponseToolChoice):
        return choose_tools(offered, choice, parallel=request.parallel_tool_calls)
    mode, names = named_tools(choice)
    return choose_tools(offered, mode, names, parallel=request.parallel_tool_calls)


def named_tools(choice: ResponseToolChoice) -> tuple[ToolChoiceMode, list[str]]:
    """Return what a choice that is an object wants: the mode and the names. Raises `BadRequest`."""
    if choice.type == "allowed_tools":
        return choice.mode or "auto", [each.name for each in choice.tools or () if each.name]
    if choice.type != "function" or choice.name is None:
        raise BadRequest(f"tool_choice is of the type {choice.type!r}; name a function of tools.", param="tool_choice")
    return "required", [choice.name]


def offered_tool(sent: ResponseTool, where: str) -> Tool:
    """Return a tool, which must be a function. Raises `BadRequest` for one that runs on OpenAI's servers."""
    if sent.type != "function" or sent.name is None:
        raise BadRequest(
            f"{where} is of the type {sent.type!r}; this server runs no tools of its own. Send tools of the type "
            "'function', each with a name.",
            param=where,
        )
    return tool(sent.name, sent.description, sent.parameters, where)


def messages(request: ResponsesRequest) -> list[Message]:
    """Return the instructions and the input as messages. Raises `BadRequest`.

    Calls are added to the assistant's message before them: together they are one answer of the model.
    """
    found: list[Message] = []
    if request.instructions:
        found.append(Message("system", text_parts(request.instructions, "instructions")))
    if isinstance(request.input, str):
        return [*found, Message("user", text_parts(request.input, "input"))]
    for index, item in enumerate(request.input):
        where = f"input[{index}]"
        if item.type == "function_call":
            before = found.pop() if found and found[-1].role == "assistant" else Message("assistant")
            found.append(replace(before, calls=(*before.calls, tool_call(item, where))))
        elif item.type == "function_call_output":
            found.append(tool_result(item, where))
        elif item.type != "reasoning":  # no chat template has a place for it
            found.append(message(item, where))
    return found


def message(item: ResponseInputItem, where: str) -> Message:
    """Return the message of an item. Raises `BadRequest`."""
    if item.type not in (None, "message"):
        raise BadRequest(
            f"{where} is of the type {item.type!r}. Send items of the types message, function_call, "
            "function_call_output and reasoning.",
            param=where,
        )
    content = parts(item.content, f"{where}.content")
    if item.role is None or item.content is None:
        raise BadRequest(f"{where} is a message without a role or without content; send both.", param=where)
    return Message("system" if item.role == "developer" else item.role, content)


def tool_result(item: ResponseInputItem, where: str) -> Message:
    """Return the output of a function as a message. Raises `BadRequest`."""
    if item.call_id is None:
        raise BadRequest(
            f"{where} is a function_call_output without a call_id; send that of its call.", param=f"{where}.call_id"
        )
    return Message("tool", parts(item.output, f"{where}.output"), call_id=item.call_id)


def tool_call(item: ResponseInputItem, where: str) -> ToolCall:
    """Return the call of an earlier answer. Raises `BadRequest`."""
    if item.call_id is None or item.name is None:
        raise BadRequest(f"{where} is a function_call without a call_id or a name; send both.", param=where)
    return earlier_call(item.call_id, item.name, item.arguments or "{}", where)
