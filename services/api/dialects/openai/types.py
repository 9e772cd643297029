"""What OpenAI clients may send, typed. Unknown fields are tolerated; known ones must have their type.

A field set to null means the same as a field left out, as with OpenAI.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.api.dialects.common.bounds import (
    Effort,
    Most,
    Natural,
    Penalty,
    Positive,
    Probability,
    RepeatPenalty,
    Seed,
    StopList,
    Temperature,
    TopLogprobs,
)
from services.api.dialects.common.content import ContentPart
from services.api.dialects.common.tools import Choice, Function, ToolList


class FunctionCall(Struct):
    name: str
    arguments: str


class RequestToolCall(Struct):
    id: str
    function: FunctionCall
    type: Literal["function"] = "function"


class RequestMessage(Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[ContentPart], Most] | None = None
    name: str | None = None
    tool_calls: list[RequestToolCall] | None = None
    function_call: FunctionCall | None = None
    tool_call_id: str | None = None


class FunctionName(Struct):
    name: str


class AllowedTools(Struct):
    """The functions of a choice among a part of the tools."""

    tools: list[NamedTool]
    mode: Literal["auto", "required"] = "auto"


class NamedTool(Struct):
    """``tool_choice`` as an object: one function, or a part of the tools."""

    type: Literal["function", "allowed_tools"] = "function"
    function: FunctionName | None = None
    allowed_tools: AllowedTools | None = None


class StreamOptions(Struct):
    include_usage: bool | None = None


class JSONSchema(Struct):
    schema: dict[str, Any]
    name: str | None = None
    strict: bool | None = None


class ResponseFormat(Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JSONSchema | None = None


class Common(Struct, kw_only=True):
    """What chat and text completions share."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Positive | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    top_k: Natural | None = None
    min_p: Probability | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    repeat_penalty: RepeatPenalty | None = None
    seed: Seed | None = None
    stop: str | StopList | None = None
    n: Annotated[int, Meta(ge=1, le=16)] | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    response_format: ResponseFormat | None = None
    user: str | None = None


class ChatRequest(Common, kw_only=True):
    """``POST /v1/chat/completions``."""

    messages: Annotated[list[RequestMessage], Meta(min_length=1), Most]
    max_completion_tokens: Positive | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    reasoning_effort: Effort | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    enable_thinking: bool | None = None
    rag: bool | None = None
    """Not OpenAI's: false sends sources as they are."""

    tools: ToolList | None = None
    functions: Annotated[list[Function], Meta(max_length=256)] | None = None
    tool_choice: Choice | NamedTool | None = None
    function_call: Literal["none", "auto"] | FunctionName | None = None
    parallel_tool_calls: bool | None = None
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None
    prediction: dict[str, Any] | None = None
    service_tier: str | None = None
    store: bool | None = None
    verbosity: str | None = None
    web_search_options: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None


class CompletionRequest(Common, kw_only=True):
    """``POST /v1/completions``."""

    prompt: str | list[str | Natural | list[Natural]]
    logprobs: TopLogprobs | None = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None
