"""Define what clients of OpenAI's completions may send. Unknown fields are tolerated; known ones must have their type.

A field set to null means the same as a field left out, as with OpenAI.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.api.dialects.common.bounds import (
    AnyCallId,
    Description,
    Effort,
    Label,
    MaxItems,
    Metadata,
    Name,
    Names,
    Object,
    Passage,
    Positive,
    Question,
    StopList,
    StopString,
    TemplateVariables,
    Text,
    TokenIds,
    TokenLimit,
    TopLogprobs,
    Word,
)
from services.api.dialects.common.content import Result
from services.api.dialects.common.foreign import ForeignParameters
from services.api.dialects.common.foreign_data import ForeignData
from services.api.dialects.common.tools import Function, MaxTools, ToolChoiceWord, ToolList
from services.core.sampling import Natural

MAX_TEXTS = 2048
"""The most texts of one request for vectors or scores, as with OpenAI."""


class FunctionCall(Struct):
    """A function, and its arguments as the text of a JSON object."""

    name: Name
    arguments: Any = None
    """Ollama's clients send the object itself; `common.tools.earlier_call` leaves out what is no object."""


class CustomCall(Struct):
    """A call of a tool that takes a text."""

    name: Name
    input: Text = ""


class RequestToolCall(Struct):
    """A call that an earlier answer made."""

    function: FunctionCall | None = None
    custom: CustomCall | None = None
    id: AnyCallId | None = None
    type: Word | None = None


class RequestMessage(Struct):
    """A message of a chat."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Result = None
    refusal: Text | None = None
    """What this server and OpenAI's write in place of a content."""
    name: Name | None = None
    images: Any = None
    """Where Ollama's clients have pictures, which are refused."""
    audio: Any = None
    tool_calls: Annotated[list[RequestToolCall], MaxItems] | None = None
    function_call: FunctionCall | None = None
    tool_call_id: AnyCallId | None = None


class NamedFunction(Struct):
    """The name of a function."""

    name: Name


class AllowedTools(Struct):
    """The part of the tools that may be called."""

    tools: Annotated[list[ChatToolChoice], MaxTools]
    mode: Literal["auto", "required"] = "auto"


class ChatToolChoice(Struct):
    """``tool_choice`` as an object: one function, a part of the tools, or a mode."""

    type: ToolChoiceWord | Literal["function", "allowed_tools"] = "function"
    function: NamedFunction | None = None
    allowed_tools: AllowedTools | None = None


class StreamOptions(Struct):
    """What a stream has besides its choices."""

    include_usage: bool | None = None
    continuous_usage_stats: Any = None


class JSONSchema(Struct):
    """The schema that an answer must satisfy."""

    schema: Object
    name: Name | None = None
    description: Description | None = None
    strict: bool | None = None


class ResponseFormat(Struct):
    """Free text, any JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JSONSchema | None = None
    schema: Object | None = None
    """Where llama.cpp and others have the schema, for both types of JSON."""


class CompletionParameters(ForeignParameters, frozen=True, kw_only=True):
    """What chat and text completions share, all sampling parameters among it."""

    model: Name | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: TokenLimit | None = None
    stop: StopString | StopList | None = None
    n: Annotated[int, Meta(ge=1, le=16)] | None = None
    response_format: ResponseFormat | None = None
    user: Label | None = None


class ChatRequest(CompletionParameters, frozen=True, kw_only=True):
    """``POST /v1/chat/completions``."""

    messages: Annotated[list[RequestMessage], Meta(min_length=1), MaxItems]
    max_completion_tokens: TokenLimit | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    reasoning_effort: Effort | None = None
    chat_template_kwargs: TemplateVariables | None = None
    enable_thinking: bool | None = None
    tools: ToolList | None = None
    functions: Annotated[list[Function], MaxTools] | None = None
    tool_choice: ToolChoiceWord | ChatToolChoice | None = None
    function_call: Literal["none", "auto"] | NamedFunction | None = None
    parallel_tool_calls: bool | None = None
    modalities: Names | None = None
    audio: Object | None = None
    prediction: Object | None = None
    service_tier: Word | None = None
    store: bool | None = None
    verbosity: Word | None = None
    web_search_options: Object | None = None
    metadata: Metadata | None = None
    prompt_cache_key: Label | None = None
    safety_identifier: Label | None = None
    status_events: bool | None = None
    """This server's own: whether the stream has Open WebUI's events besides the answer."""


class CompletionRequest(CompletionParameters, frozen=True, kw_only=True):
    """``POST /v1/completions``."""

    prompt: Text | Annotated[list[Text | Natural | TokenIds], Meta(max_length=2**20)]
    logprobs: TopLogprobs | None = None
    echo: bool | None = None
    suffix: Text | None = None
    best_of: Natural | None = None
    add_special_tokens: Any = None


class EmbeddingRequest(ForeignData, kw_only=True):
    """``POST /v1/embeddings``."""

    input: Passage | Annotated[list[Passage | Natural | TokenIds], Meta(max_length=2**20)]
    model: Name | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Positive | None = None
    user: Label | None = None


class RerankDocument(Struct):
    """A text to rank."""

    text: Passage


class RerankRequest(ForeignData, kw_only=True):
    """``POST /v1/rerank``."""

    query: Question
    documents: Annotated[list[Passage | RerankDocument], Meta(min_length=1, max_length=MAX_TEXTS)]
    model: Name | None = None
    top_n: Positive | None = None
    return_documents: bool | None = None
