"""What the server answers to clients of OpenAI's Responses API, typed; see schemas.py."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from services.api.dialects.openai.schemas import Count, Exact, TokenLogprob
from services.api.dialects.openai.types import Effort
from services.api.dialects.responses.answers import Status
from services.api.dialects.responses.types import Named, TextFormat, ToolDefinition


class ReasoningText(Exact):
    type: Literal["reasoning_text"]
    text: str


class OutputText(Exact, tag_field="type", tag="output_text"):
    text: str
    annotations: list[Any]
    logprobs: list[TokenLogprob]


class RefusalText(Exact, tag_field="type", tag="refusal"):
    refusal: str


class ReasoningItem(Exact, tag_field="type", tag="reasoning"):
    id: str
    summary: list[Any]
    content: list[ReasoningText]
    status: Status


class MessageItem(Exact, tag_field="type", tag="message"):
    id: str
    role: Literal["assistant"]
    content: list[OutputText | RefusalText]
    status: Status


class CallItem(Exact, tag_field="type", tag="function_call"):
    id: str
    call_id: str
    name: str
    arguments: str
    status: Status


class InputDetails(Exact):
    cached_tokens: Count
    cache_write_tokens: Count


class OutputDetails(Exact):
    reasoning_tokens: Count


class ResponseUsage(Exact):
    input_tokens: Count
    input_tokens_details: InputDetails
    output_tokens: Count
    output_tokens_details: OutputDetails
    total_tokens: Count


class ResponseError(Exact):
    code: Literal["invalid_prompt", "rate_limit_exceeded", "server_error"]
    message: str


class Incomplete(Exact):
    reason: Literal["max_output_tokens"]


class ReasoningAsked(Exact):
    effort: Effort | None
    summary: None


class TextAsked(Exact):
    format: TextFormat
    verbosity: str


class ResponseAnswer(Exact):
    """The answer, and what was asked for."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Status
    error: ResponseError | None
    incomplete_details: Incomplete | None
    model: str
    output: list[ReasoningItem | MessageItem | CallItem]
    usage: ResponseUsage | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: dict[str, Any]
    parallel_tool_calls: bool
    prompt_cache_key: str | None
    reasoning: ReasoningAsked
    safety_identifier: str | None
    temperature: float | None
    text: TextAsked
    tool_choice: Literal["none", "auto", "required"] | Named
    tools: list[ToolDefinition]
    top_logprobs: Count
    top_p: float | None
    user: str | None
    background: bool
    previous_response_id: None
    service_tier: str
    store: bool
    truncation: str


class InputTokens(Exact):
    object: Literal["response.input_tokens"]
    input_tokens: Count


class ResponseEvent(Struct):
    """One event; what else it has depends on its type, which begins with ``response.``."""

    type: str
    sequence_number: Count
