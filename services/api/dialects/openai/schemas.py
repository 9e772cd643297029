"""The types of the answers of OpenAI's completions."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from services.api.dialects.common.schema import AnswerStruct, Count
from services.core.events import FinishReason, TokenLogprob

Reason = FinishReason | Literal["function_call"]


class CachedTokens(AnswerStruct):
    """Details of a prompt's tokens."""

    cached_tokens: Count


class Usage(AnswerStruct):
    """Token counts."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    prompt_tokens_details: CachedTokens


class ChatLogprobs(AnswerStruct):
    """Logprobs of a chat's tokens."""

    content: list[TokenLogprob]
    refusal: None = None


class CalledFunction(AnswerStruct):
    """A function and the text of its arguments."""

    name: str
    arguments: str


class Call(AnswerStruct, tag_field="type", tag="function"):
    """A call of a tool."""

    id: str
    function: CalledFunction


class AnswerMessage(AnswerStruct):
    """The message of a whole choice."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[Call] | UnsetType = UNSET
    function_call: CalledFunction | UnsetType = UNSET


class ChatChoice(AnswerStruct):
    """One answer of a chat."""

    index: Count
    message: AnswerMessage
    logprobs: ChatLogprobs | None
    finish_reason: Reason


class Envelope(AnswerStruct):
    """What every answer and every chunk has."""

    id: str
    created: int
    model: str
    system_fingerprint: str


class ChatCompletion(Envelope, tag_field="object", tag="chat.completion"):
    """A chat's whole answer."""

    choices: list[ChatChoice]
    usage: Usage


class FunctionDelta(AnswerStruct):
    """A piece of a function's arguments; the first piece has its name."""

    arguments: str
    name: str | UnsetType = UNSET


class CallDelta(AnswerStruct):
    """A piece of a call; the first piece has its id."""

    index: Count
    function: FunctionDelta
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET


class Delta(AnswerStruct):
    """A piece of a choice's message."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    refusal: str | UnsetType = UNSET
    tool_calls: list[CallDelta] | UnsetType = UNSET
    function_call: FunctionDelta | UnsetType = UNSET


class ChunkChoice(AnswerStruct):
    """A choice's part of a chunk."""

    index: Count
    delta: Delta
    logprobs: ChatLogprobs | None
    finish_reason: Reason | None


class ChatCompletionChunk(Envelope, tag_field="object", tag="chat.completion.chunk"):
    """One event; the last but ``[DONE]`` has the usage, where it was asked for."""

    choices: list[ChunkChoice]
    usage: Usage | UnsetType | None = UNSET


class TextLogprobs(AnswerStruct):
    """Logprobs in the older shape: a list per property, one item per token."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]
    """Where each token starts, in characters from the first."""


class TextChoice(AnswerStruct):
    """One continuation of a prompt."""

    index: Count
    text: str
    logprobs: TextLogprobs | None
    finish_reason: FinishReason


class TextCompletion(Envelope, tag_field="object", tag="text_completion"):
    """The whole continuation of prompts."""

    choices: list[TextChoice]
    usage: Usage


class TextChunkChoice(AnswerStruct):
    """A choice's part of a chunk."""

    index: Count
    text: str
    logprobs: TextLogprobs | None
    finish_reason: FinishReason | None


class TextCompletionChunk(Envelope, tag_field="object", tag="text_completion"):
    """One event; the last but ``[DONE]`` has the usage, where it was asked for."""

    choices: list[TextChunkChoice]
    usage: Usage | UnsetType | None = UNSET
