"""What the server answers, typed: for the document, and for the tests that hold the answers against it.

Fields are exact: one that an answer has and its struct has not is a fault that the tests find.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from services.core.events import FinishReason

Count = Annotated[int, Meta(ge=0)]


class Exact(Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class ErrorDetail(Exact):
    message: str
    type: str
    param: str | None
    code: str | None


class Error(Exact):
    """An error as OpenAI's clients read it."""

    error: ErrorDetail


class OllamaError(Exact):
    """An error as Ollama's clients read it."""

    error: str


class AnthropicErrorDetail(Exact):
    type: str
    message: str


class AnthropicError(Exact):
    """An error as Anthropic's clients read it."""

    type: Literal["error"]
    error: AnthropicErrorDetail


class CachedTokens(Exact):
    cached_tokens: Count


class Usage(Exact):
    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    prompt_tokens_details: CachedTokens


class TopLogprob(Exact):
    token: str
    logprob: float
    bytes: list[int] | None


class TokenLogprob(Exact):
    token: str
    logprob: float
    bytes: list[int] | None
    top_logprobs: list[TopLogprob]


class ChatLogprobs(Exact):
    content: list[TokenLogprob]
    refusal: None


class CalledFunction(Exact):
    name: str
    arguments: str


class Call(Exact):
    id: str
    type: Literal["function"]
    function: CalledFunction


class AnswerMessage(Exact):
    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[Call] | UnsetType = UNSET


class ChatChoice(Exact):
    index: Count
    message: AnswerMessage
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason


class Envelope(Exact):
    """What every answer and every chunk has."""

    id: str
    created: int
    model: str
    system_fingerprint: str


class ChatCompletion(Envelope):
    object: Literal["chat.completion"]
    choices: list[ChatChoice]
    usage: Usage


class FunctionDelta(Exact):
    arguments: str
    name: str | UnsetType = UNSET


class CallDelta(Exact):
    index: Count
    function: FunctionDelta
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET


class Delta(Exact):
    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[CallDelta] | UnsetType = UNSET


class ChunkChoice(Exact):
    index: Count
    delta: Delta
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason | None


class ChatCompletionChunk(Envelope):
    """One event; the last but ``[DONE]`` has the usage, where it was asked for."""

    object: Literal["chat.completion.chunk"]
    choices: list[ChunkChoice]
    usage: Usage | UnsetType | None = UNSET


class TextLogprobs(Exact):
    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class TextChoice(Exact):
    index: Count
    text: str
    logprobs: TextLogprobs | None
    finish_reason: FinishReason


class TextCompletion(Envelope):
    object: Literal["text_completion"]
    choices: list[TextChoice]
    usage: Usage


class TextChunkChoice(Exact):
    index: Count
    text: str
    logprobs: TextLogprobs | None
    finish_reason: FinishReason | None


class TextCompletionChunk(Envelope):
    object: Literal["text_completion"]
    choices: list[TextChunkChoice]
    usage: Usage | UnsetType | None = UNSET


class ModelEntry(Exact):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    name: str
    description: str
    context_length: Count
    engine: str
    aliases: list[str]
    capabilities: list[str]


class ModelList(Exact):
    object: Literal["list"]
    data: list[ModelEntry]


class Loaded(Exact):
    status: Literal["loaded"]
    model: str


class Unloaded(Exact):
    status: Literal["unloaded"]
    model: str | None
    models: list[str]


class HealthReport(Exact):
    status: Literal["ok"]
    version: str
    current_model: str | None
    models_loaded: list[str]
    process_healthy: bool
    engine_pid: int | None
    active_request: str | None
    waiting_requests: Count
    models_available: Count
    problems: list[str]


class ReadyReport(Exact):
    ready: bool
    models_available: Count
    problems: list[str]


class Preview(Exact):
    messages: list[dict[str, Any]]
    thinking: bool | None
    decision: dict[str, Any]
