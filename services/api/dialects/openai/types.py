"""Define what clients of OpenAI's completions may send. Unknown fields are tolerated; known ones must have their type.

A field set to null means the same as a field left out, as with OpenAI.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.api.dialects.common.bounds import (
    Effort,
    MaxItems,
    Positive,
    StopList,
    TopLogprobs,
)
from services.api.dialects.common.content import ContentPart
from services.api.dialects.common.tools import Function, ToolChoiceMode, ToolList
from services.core.sampling import Natural, Sampling

MAX_TEXTS = 2048
"""The most texts of one request for vectors or scores, as with OpenAI."""


class FunctionCall(Struct):
    """A function, and its arguments as the text of a JSON object."""

    name: str
    arguments: str


class RequestToolCall(Struct):
    """A call that an earlier answer made."""

    id: str
    function: FunctionCall
    type: Literal["function"] = "function"


class RequestMessage(Struct):
    """A message of a chat."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[ContentPart], MaxItems] | None = None
    name: str | None = None
    tool_calls: list[RequestToolCall] | None = None
    function_call: FunctionCall | None = None
    tool_call_id: str | None = None


class NamedFunction(Struct):
    """The name of a function."""

    name: str


class AllowedTools(Struct):
    """The part of the tools that may be called."""

    tools: list[ChatToolChoice]
    mode: Literal["auto", "required"] = "auto"


class ChatToolChoice(Struct):
    """``tool_choice`` as an object: one function, or a part of the tools."""

    type: Literal["function", "allowed_tools"] = "function"
    function: NamedFunction | None = None
    allowed_tools: AllowedTools | None = None


class StreamOptions(Struct):
    """What a stream has besides its choices."""

    include_usage: bool | None = None


class JSONSchema(Struct):
    """The schema that an answer must satisfy."""

    schema: dict[str, Any]
    name: str | None = None
    strict: bool | None = None


class ResponseFormat(Struct):
    """Free text, any JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JSONSchema | None = None


class CompletionParameters(Sampling, frozen=True, kw_only=True):
    """What chat and text completions share, all sampling parameters among it."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Positive | None = None
    stop: str | StopList | None = None
    n: Annotated[int, Meta(ge=1, le=16)] | None = None
    response_format: ResponseFormat | None = None
    user: str | None = None


class ChatRequest(CompletionParameters, frozen=True, kw_only=True):
    """``POST /v1/chat/completions``."""

    messages: Annotated[list[RequestMessage], Meta(min_length=1), MaxItems]
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
    tool_choice: ToolChoiceMode | ChatToolChoice | None = None
    function_call: Literal["none", "auto"] | NamedFunction | None = None
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


class CompletionRequest(CompletionParameters, frozen=True, kw_only=True):
    """``POST /v1/completions``."""

    prompt: str | list[str | Natural | list[Natural]]
    logprobs: TopLogprobs | None = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None


class EmbeddingRequest(Struct, kw_only=True):
    """``POST /v1/embeddings``."""

    input: str | list[str | Natural | list[Natural]]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Positive | None = None
    user: str | None = None


class RerankDocument(Struct):
    """A text to rank."""

    text: str


class RerankRequest(Struct, kw_only=True):
    """``POST /v1/rerank``."""

    query: str
    documents: Annotated[list[str | RerankDocument], Meta(min_length=1, max_length=MAX_TEXTS)]
    model: str | None = None
    top_n: Positive | None = None
    return_documents: bool | None = None
    rank_fields: list[str] | None = None
    max_chunks_per_doc: int | None = None
    max_tokens_per_doc: int | None = None
