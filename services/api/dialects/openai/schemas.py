"""Define what the answers of OpenAI's completions, and the chunks of their streams, are made of."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from services.api.dialects.common.schema import AnswerStruct, Count
from services.core.events import FinishReason, TokenLogprob

ChatFinishReason = FinishReason | Literal["function_call"]


class PromptTokensDetails(AnswerStruct):
    """Details of a prompt's tokens."""

    cached_tokens: Count


class CompletionUsage(AnswerStruct):
    """Token counts."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    prompt_tokens_details: PromptTokensDetails


class ChatLogprobs(AnswerStruct):
    """Logprobs of a chat's tokens."""

    content: list[TokenLogprob]
    refusal: None = None


class ChatFunctionCall(AnswerStruct):
    """A function and the text of its arguments."""

    name: str
    arguments: str


class ChatToolCall(AnswerStruct, tag_field="type", tag="function"):
    """A call of a tool."""

    id: str
    function: ChatFunctionCall


class ChatMessage(AnswerStruct):
    """The message of a whole choice."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[ChatToolCall] | UnsetType = UNSET
    function_call: ChatFunctionCall | UnsetType = UNSET


class ChatChoice(AnswerStruct):
    """One answer of a chat."""

    index: Count
    message: ChatMessage
    logprobs: ChatLogprobs | None
    finish_reason: ChatFinishReason


class Envelope(AnswerStruct):
    """What every answer and every chunk has."""

    id: str
    created: int
    model: str
    system_fingerprint: str


class ChatCompletion(Envelope, tag_field="object", tag="chat.completion"):
    """A chat's whole answer."""

    choices: list[ChatChoice]
    usage: CompletionUsage


class ChatFunctionDelta(AnswerStruct):
    """A piece of a function's arguments; the first piece has its name."""

    arguments: str
    name: str | UnsetType = UNSET


class ChatToolCallDelta(AnswerStruct):
    """A piece of a call; the first piece has its id."""

    index: Count
    function: ChatFunctionDelta
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET


class ChatDelta(AnswerStruct):
    """A piece of a choice's message."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    refusal: str | UnsetType = UNSET
    tool_calls: list[ChatToolCallDelta] | UnsetType = UNSET
    function_call: ChatFunctionDelta | UnsetType = UNSET


class ChatChunkChoice(AnswerStruct):
    """A choice's part of a chunk."""

    index: Count
    delta: ChatDelta
    logprobs: ChatLogprobs | None
    finish_reason: ChatFinishReason | None


class StatusData(AnswerStruct):
    """What Open WebUI's page shows above an answer."""

    description: str
    done: bool
    """Whether nothing goes on any more."""
    hidden: bool = False
    """Whether the page shows it no longer."""


class Status(AnswerStruct, tag_field="type", tag="status"):
    """One of Open WebUI's own events."""

    data: StatusData


class ChatCompletionChunk(Envelope, tag_field="object", tag="chat.completion.chunk"):
    """One event; the last but ``[DONE]`` has the usage, where it was asked for."""

    choices: list[ChatChunkChoice]
    usage: CompletionUsage | UnsetType | None = UNSET
    event: Status | UnsetType = UNSET
    """Only with `status_events`, and in a chunk without choices."""


class TextLogprobs(AnswerStruct):
    """Logprobs in the legacy shape: a list per property, one item per token."""

    tokens: list[str]
    token_logprobs: list[float | None]
    """None for the first token of an echoed prompt."""
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]
    """Where each token starts, in characters from the beginning of the choice."""


class TextChoice(AnswerStruct):
    """One continuation of a prompt."""

    index: Count
    text: str
    logprobs: TextLogprobs | None
    finish_reason: FinishReason


class TextCompletion(Envelope, tag_field="object", tag="text_completion"):
    """The whole continuation of prompts."""

    choices: list[TextChoice]
    usage: CompletionUsage


class TextChunkChoice(AnswerStruct):
    """A choice's part of a chunk."""

    index: Count
    text: str
    logprobs: TextLogprobs | None
    finish_reason: FinishReason | None


class TextCompletionChunk(Envelope, tag_field="object", tag="text_completion"):
    """One event; the last but ``[DONE]`` has the usage, where it was asked for."""

    choices: list[TextChunkChoice]
    usage: CompletionUsage | UnsetType | None = UNSET


class PromptUsage(AnswerStruct):
    """Token counts of a request whose answer is no text, so both numbers are the same."""

    prompt_tokens: Count
    total_tokens: Count


class Embedding(AnswerStruct):
    """The vector of one text."""

    object: Literal["embedding"]
    index: Count
    embedding: list[float] | str
    """Numbers, or with ``encoding_format: base64`` their bytes."""


class EmbeddingList(AnswerStruct):
    """A vector for each text."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: PromptUsage


class RerankedDocument(AnswerStruct):
    """The text of a ranked document."""

    text: str


class RerankResult(AnswerStruct):
    """One document, by its place in the request, and how relevant it is."""

    index: Count
    relevance_score: float
    document: RerankedDocument | UnsetType = UNSET


class RerankAnswer(AnswerStruct):
    """The documents, the most relevant one first."""

    id: str
    model: str
    results: list[RerankResult]
    usage: PromptUsage
