"""The objects of the Responses API: a response, and the items of its output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from services.api.dialects.common.answer import Answer, Call
from services.api.dialects.common.logprobs import chat_logprobs
from services.api.dialects.openai.requests import BACKGROUND_TIER
from services.api.dialects.responses.types import ReasoningConfig, ResponsesRequest, TextConfig, TextFormat
from services.core.errors import BadRequest, QueueFull, ServiceError
from services.core.events import FinishReason, Usage

Status = Literal["in_progress", "completed", "incomplete", "failed"]


@dataclass(frozen=True, slots=True)
class Head:
    """What a response says of itself and of its request."""

    id: str
    """The request's; the ids of the response and of its items are made of it."""
    created: int
    model: str
    request: ResponsesRequest


def whole(head: Head, answer: Answer) -> dict[str, Any]:
    """The answer as one object."""
    status = status_of(answer.finish_reason)
    return body(head, status, output(head, answer, status), answer.usage)


def output(head: Head, answer: Answer, status: Status) -> list[dict[str, Any]]:
    """The items of an answer; one that was cut short was cut in the last of them."""
    items = [reasoning_item(answer.thought)] if answer.thought else []
    items += [message_item(text_part(answer.text, answer.logprobs))] if answer.text else []
    items += [message_item(refusal_part(answer.refusal))] if answer.refusal else []
    items += [call_item(call) for call in answer.calls]
    for index, item in enumerate(items):
        item["id"] = item_id(head, item["type"], index)
    for item in items[-1:]:
        item["status"] = status
    return items


def item_id(head: Head, kind: str, index: int) -> str:
    prefix = {"reasoning": "rs", "message": "msg", "function_call": "fc"}[kind]
    return f"{prefix}_{head.id}_{index}"


def reasoning_item(thought: str) -> dict[str, Any]:
    """The reasoning itself; nobody writes a summary of it."""
    content = [{"type": "reasoning_text", "text": thought}]
    return {"id": "", "type": "reasoning", "summary": [], "content": content, "status": "completed"}


def message_item(part: dict[str, Any]) -> dict[str, Any]:
    return {"id": "", "type": "message", "role": "assistant", "content": [part], "status": "completed"}


def text_part(text: str, logprobs: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": token_logprobs(logprobs)}


def refusal_part(refusal: str) -> dict[str, Any]:
    return {"type": "refusal", "refusal": refusal}


def call_item(call: Call) -> dict[str, Any]:
    named = {"call_id": call.id, "name": call.name, "arguments": call.arguments}
    return {"id": "", "type": "function_call", **named, "status": "completed"}


def token_logprobs(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    found = chat_logprobs(entries)
    return list(found["content"]) if found else []


def status_of(reason: FinishReason) -> Status:
    return "incomplete" if reason == "length" else "completed"


def body(
    head: Head,
    status: Status,
    items: list[dict[str, Any]],
    usage: Usage | None = None,
    error: ServiceError | None = None,
) -> dict[str, Any]:
    """A response; `usage` is known when its answer has ended."""
    return {
        "id": f"resp_{head.id}",
        "object": "response",
        "created_at": head.created,
        "status": status,
        "error": error_body(error) if error else None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "model": head.model,
        "output": items,
        "usage": usage_body(usage) if usage else None,
        **echo(head.request),
    }


def echo(request: ResponsesRequest) -> dict[str, Any]:
    """What a response repeats of its request, and what this server never does."""
    text, reasoning = request.text or TextConfig(), request.reasoning or ReasoningConfig()
    return {
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "metadata": request.metadata or {},
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "prompt_cache_key": request.prompt_cache_key,
        "reasoning": {"effort": reasoning.effort, "summary": None},
        "safety_identifier": request.safety_identifier,
        "temperature": request.temperature,
        "text": {"format": text.format or TextFormat("text"), "verbosity": "medium"},
        "tool_choice": request.tool_choice or "auto",
        "tools": request.tools or [],
        "top_logprobs": request.top_logprobs or 0,
        "top_p": request.top_p,
        "user": request.user,
        "background": False,
        "previous_response_id": None,
        "service_tier": BACKGROUND_TIER if request.service_tier == BACKGROUND_TIER else "default",
        "store": False,
        "truncation": "disabled",
    }


def usage_body(usage: Usage) -> dict[str, Any]:
    """No engine tells how many of its tokens were reasoning; the shape wants a number."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def error_body(error: ServiceError) -> dict[str, str]:
    """An error of a response, with the nearest of OpenAI's codes for one."""
    code = "invalid_prompt" if isinstance(error, BadRequest) else "server_error"
    return {"code": "rate_limit_exceeded" if isinstance(error, QueueFull) else code, "message": error.message}
