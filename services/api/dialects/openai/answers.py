"""Convert events to the choices of OpenAI's completions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from msgspec import UNSET, Struct, UnsetType

from services.api.dialects.common.answer import Answer
from services.api.dialects.openai.schemas import (
    AnswerMessage,
    CachedTokens,
    Call,
    CallDelta,
    CalledFunction,
    ChatChoice,
    ChatCompletion,
    ChatCompletionChunk,
    ChatLogprobs,
    ChunkChoice,
    Delta,
    FunctionDelta,
    Reason,
    TextChoice,
    TextChunkChoice,
    TextCompletion,
    TextCompletionChunk,
    TextLogprobs,
    Usage,
)
from services.core.events import Done, FinishReason, Piece, Reasoning, Refusal, Text, TokenLogprob, ToolCallDelta
from services.core.events import Usage as Tokens
from services.core.message import ToolCall


@dataclass(frozen=True, slots=True)
class Head:
    """What every object and chunk of one response repeats."""

    id: str
    created: int
    """Seconds since 1970."""
    model: str
    fingerprint: str


W = TypeVar("W")
C = TypeVar("C")
S = TypeVar("S", bound=Struct)


class Shape(Protocol, Generic[W, C]):
    """How one endpoint spells its choices: `W` a whole one, `C` a part of one in a chunk."""

    def opening(self, index: int) -> C | None:
        """Return a choice's first chunk, None for no such chunk."""

    def piece(self, index: int, event: Piece) -> C:
        """Return a choice's chunk for one piece."""

    def ending(self, index: int, done: Done) -> C:
        """Return a choice's last chunk."""

    def whole(self, index: int, answer: Answer) -> W:
        """Return a complete choice."""

    def chunk(self, head: Head, choices: list[C], usage: Usage | UnsetType | None) -> Struct:
        """Return one event of a stream."""

    def completion(self, head: Head, choices: list[W], usage: Usage) -> Struct:
        """Return the whole response."""


class ChatShape:
    """Choices of a chat."""

    def opening(self, index: int) -> ChunkChoice | None:
        return self._choice(index, Delta(role="assistant", content=""))

    def piece(self, index: int, event: Piece) -> ChunkChoice:
        match event:
            case Text():
                return self._choice(index, Delta(content=event.text), event.logprobs)
            case Reasoning():
                return self._choice(index, Delta(reasoning_content=event.text))
            case Refusal():
                return self._choice(index, Delta(refusal=event.text))
            case ToolCallDelta():
                return self._choice(index, self.call_delta(event))

    def ending(self, index: int, done: Done) -> ChunkChoice:
        return self._choice(index, Delta(), reason=self.reason(done.finish_reason))

    def whole(self, index: int, answer: Answer) -> ChatChoice:
        silent = bool(answer.refusal or (answer.calls and not answer.text))
        message = AnswerMessage(
            role="assistant",
            content=None if silent else answer.text,
            refusal=answer.refusal or None,
            reasoning_content=answer.reasoning or UNSET,
        )
        if answer.calls:
            self.add_calls(message, answer.calls)
        reason = self.reason(answer.finish_reason)
        return ChatChoice(index=index, message=message, logprobs=chat_logprobs(answer.logprobs), finish_reason=reason)

    def chunk(self, head: Head, choices: list[ChunkChoice], usage: Usage | UnsetType | None) -> ChatCompletionChunk:
        return enveloped(ChatCompletionChunk, head, choices, usage)

    def completion(self, head: Head, choices: list[ChatChoice], usage: Usage) -> ChatCompletion:
        return enveloped(ChatCompletion, head, choices, usage)

    def reason(self, reason: FinishReason) -> Reason:
        """Return the endpoint's word for why a choice ended."""
        return reason

    def call_delta(self, piece: ToolCallDelta) -> Delta:
        """Return a piece of a call."""
        function = FunctionDelta(arguments=piece.arguments, name=piece.name or UNSET)
        if not piece.id:
            return Delta(tool_calls=[CallDelta(index=piece.index, function=function)])
        return Delta(tool_calls=[CallDelta(index=piece.index, id=piece.id, type="function", function=function)])

    def add_calls(self, message: AnswerMessage, calls: list[ToolCall]) -> None:
        """Add whole calls to a message."""
        message.tool_calls = [Call(id=call.id, function=function_of(call)) for call in calls]

    def _choice(
        self, index: int, delta: Delta, logprobs: Iterable[TokenLogprob] = (), reason: Reason | None = None
    ) -> ChunkChoice:
        return ChunkChoice(index=index, delta=delta, logprobs=chat_logprobs(logprobs), finish_reason=reason)


class OlderChatShape(ChatShape):
    """For requests with ``functions``, OpenAI's older name for tools: one call, and no id."""

    def reason(self, reason: FinishReason) -> Reason:
        return "function_call" if reason == "tool_calls" else reason

    def call_delta(self, piece: ToolCallDelta) -> Delta:
        return Delta(function_call=FunctionDelta(arguments=piece.arguments, name=piece.name or UNSET))

    def add_calls(self, message: AnswerMessage, calls: list[ToolCall]) -> None:
        message.function_call = function_of(calls[0])


class TextShape:
    """Continuations of prompts."""

    def __init__(self, echo: str = "") -> None:
        """`echo` goes before the answer."""
        self._echo = echo

    def opening(self, index: int) -> TextChunkChoice | None:
        return self._choice(index, self._echo) if self._echo else None

    def piece(self, index: int, event: Piece) -> TextChunkChoice:
        if isinstance(event, Text):
            return self._choice(index, event.text, event.logprobs)
        return self._choice(index, "" if isinstance(event, ToolCallDelta) else event.text)

    def ending(self, index: int, done: Done) -> TextChunkChoice:
        return self._choice(index, "", reason=done.finish_reason)

    def whole(self, index: int, answer: Answer) -> TextChoice:
        return TextChoice(
            index=index,
            text=self._echo + answer.text,
            logprobs=text_logprobs(answer.logprobs),
            finish_reason=answer.finish_reason,
        )

    def chunk(self, head: Head, choices: list[TextChunkChoice], usage: Usage | UnsetType | None) -> TextCompletionChunk:
        return enveloped(TextCompletionChunk, head, choices, usage)

    def completion(self, head: Head, choices: list[TextChoice], usage: Usage) -> TextCompletion:
        return enveloped(TextCompletion, head, choices, usage)

    def _choice(
        self, index: int, text: str, logprobs: Iterable[TokenLogprob] = (), reason: FinishReason | None = None
    ) -> TextChunkChoice:
        return TextChunkChoice(index=index, text=text, logprobs=text_logprobs(logprobs), finish_reason=reason)


def enveloped(kind: Callable[..., S], head: Head, choices: list[Any], usage: Usage | UnsetType | None) -> S:
    """Return a whole answer or a chunk: its choices and what every one has."""
    return kind(
        id=head.id,
        created=head.created,
        model=head.model,
        system_fingerprint=head.fingerprint,
        choices=choices,
        usage=usage,
    )


def function_of(call: ToolCall) -> CalledFunction:
    """Return the function of a whole call."""
    return CalledFunction(name=call.name, arguments=call.arguments)


def usage_of(tokens: Tokens) -> Usage:
    """Return token counts as OpenAI tells them."""
    return Usage(
        prompt_tokens=tokens.prompt_tokens,
        completion_tokens=tokens.completion_tokens,
        total_tokens=tokens.prompt_tokens + tokens.completion_tokens,
        prompt_tokens_details=CachedTokens(cached_tokens=tokens.cached_tokens),
    )


def chat_logprobs(entries: Iterable[TokenLogprob]) -> ChatLogprobs | None:
    """Return a chat's logprobs, None where there are none."""
    content = list(entries)
    return ChatLogprobs(content=content) if content else None


def text_logprobs(entries: Iterable[TokenLogprob]) -> TextLogprobs | None:
    """Return logprobs in the older shape, None where there are none."""
    entries = list(entries)
    if not entries:
        return None
    return TextLogprobs(
        tokens=[entry.token for entry in entries],
        token_logprobs=[entry.logprob for entry in entries],
        top_logprobs=[{top.token: top.logprob for top in (*entry.top_logprobs, entry)} for entry in entries],
        text_offset=offsets(entries),
    )


def offsets(entries: list[TokenLogprob]) -> list[int]:
    """Return where each token starts, in characters from the first."""
    starts = [0]
    for entry in entries[:-1]:
        starts.append(starts[-1] + len(entry.token))
    return starts
