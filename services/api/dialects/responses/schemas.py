"""Define what the answers of OpenAI's Responses API are made of; the events of its streams are in ``events``."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from services.api.dialects.common.bounds import Effort
from services.api.dialects.common.schema import AnswerStruct, Count
from services.api.dialects.common.tools import ToolChoiceMode
from services.api.dialects.responses.types import ResponseTool, ResponseToolChoice, TextFormat
from services.core.events import TokenLogprob

Status = Literal["in_progress", "completed", "incomplete", "failed"]


class ReasoningText(AnswerStruct, tag_field="type", tag="reasoning_text"):
    """The text of the model's reasoning."""

    text: str


class OutputText(AnswerStruct, tag_field="type", tag="output_text"):
    """The text of an answer."""

    text: str
    annotations: list[Any]
    """Always empty."""
    logprobs: list[TokenLogprob]


class OutputRefusal(AnswerStruct, tag_field="type", tag="refusal"):
    """Why there is no answer."""

    refusal: str


OutputPart = OutputText | OutputRefusal | ReasoningText


class ReasoningItem(AnswerStruct, tag_field="type", tag="reasoning"):
    """The model's reasoning. It has no summary."""

    id: str
    summary: list[Any]
    """Always empty."""
    content: list[ReasoningText]
    status: Status


class MessageItem(AnswerStruct, tag_field="type", tag="message"):
    """The answer of the model."""

    id: str
    role: Literal["assistant"]
    content: list[OutputText | OutputRefusal]
    status: Status


class CallItem(AnswerStruct, tag_field="type", tag="function_call"):
    """A call of a function."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: Status


OutputItem = ReasoningItem | MessageItem | CallItem


class InputTokensDetails(AnswerStruct):
    """Details of a prompt's tokens."""

    cached_tokens: Count
    cache_write_tokens: Count


class OutputTokensDetails(AnswerStruct):
    """Details of an answer's tokens. No engine counts those of the reasoning, so their number is 0."""

    reasoning_tokens: Count


class ResponseUsage(AnswerStruct):
    """Token counts."""

    input_tokens: Count
    input_tokens_details: InputTokensDetails
    output_tokens: Count
    output_tokens_details: OutputTokensDetails
    total_tokens: Count


class ResponseError(AnswerStruct):
    """Why a response failed."""

    code: Literal["invalid_prompt", "rate_limit_exceeded", "server_error"]
    message: str


class IncompleteDetails(AnswerStruct):
    """Why a response is incomplete."""

    reason: Literal["max_output_tokens"]


class ResponseReasoning(AnswerStruct):
    """The request's effort."""

    effort: Effort | None
    summary: None


class ResponseText(AnswerStruct):
    """The request's text format."""

    format: TextFormat
    verbosity: str


class ResponseAnswer(AnswerStruct, tag_field="object", tag="response"):
    """The answer, and the parameters of its request."""

    id: str
    created_at: int
    status: Status
    error: ResponseError | None
    incomplete_details: IncompleteDetails | None
    model: str
    output: list[OutputItem]
    usage: ResponseUsage | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: dict[str, Any]
    parallel_tool_calls: bool
    reasoning: ResponseReasoning
    temperature: float | None
    text: ResponseText
    tool_choice: ToolChoiceMode | ResponseToolChoice
    tools: list[ResponseTool]
    top_logprobs: Count
    top_p: float | None
    background: bool
    previous_response_id: None
    service_tier: str
    store: bool
    truncation: str
    prompt_cache_key: str | UnsetType = UNSET
    safety_identifier: str | UnsetType = UNSET
    user: str | UnsetType = UNSET


class InputTokenCount(AnswerStruct, tag_field="object", tag="response.input_tokens"):
    """The number of tokens of a prompt."""

    input_tokens: Count
