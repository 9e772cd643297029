"""Convert an answer and its pieces to the choices of OpenAI's completions. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from msgspec import UNSET, Struct, UnsetType

from services.api.dialects.common.answer import CollectedAnswer
from services.api.dialects.openai.logprobs import chat_logprobs
from services.api.dialects.openai.schemas import (
    ChatChoice,
    ChatChunkChoice,
    ChatCompletion,
    ChatCompletionChunk,
    ChatDelta,
    ChatFinishReason,
    ChatFunctionCall,
    ChatFunctionDelta,
    ChatMessage,
    ChatToolCall,
    ChatToolCallDelta,
    CompletionUsage,
    PromptTokensDetails,
)
from services.core.events import (
    Done,
    FinishReason,
    Piece,
    Reasoning,
    Refusal,
    Text,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from services.core.message import ToolCall


@dataclass(frozen=True, slots=True)
class CompletionHead:
    """What every object and chunk of one response repeats."""

    id: str
    created: int
    """Seconds since 1970."""
    model: str
    fingerprint: str


class Shape(ABC):
    """How one endpoint writes the choices of its answers, whole and in chunks."""

    completion: ClassVar[Callable[..., Struct]]
    """The type of the whole response."""
    chunk: ClassVar[Callable[..., Struct]]
    """The type of one event of a stream."""

    @abstractmethod
    def opening(self, index: int) -> Struct | None:
        """Return the choice in its first chunk, before any piece; None where there is no such chunk."""

    @abstractmethod
    def piece(self, index: int, event: Piece) -> Struct:
        """Return the choice with one piece of the answer."""

    @abstractmethod
    def ending(self, index: int, done: Done) -> Struct:
        """Return the choice in its last chunk, with the reason why it ended."""

    @abstractmethod
    def whole(self, index: int, answer: CollectedAnswer) -> Struct:
        """Return a complete choice."""


class ChatShape(Shape):
    """Choices of a chat."""

    completion, chunk = ChatCompletion, ChatCompletionChunk

    def opening(self, index: int) -> ChatChunkChoice | None:
        """Return the choice with the role of its message."""
        return self._choice(index, ChatDelta(role="assistant", content=""))

    def piece(self, index: int, event: Piece) -> ChatChunkChoice:
        """Return the choice with one piece of its message."""
        match event:
            case Text():
                return self._choice(index, ChatDelta(content=event.text), event.logprobs)
            case Reasoning():
                return self._choice(index, ChatDelta(reasoning_content=event.text))
            case Refusal():
                return self._choice(index, ChatDelta(refusal=event.text))
            case ToolCallDelta():
                return self._choice(index, self.call_delta(event))

    def ending(self, index: int, done: Done) -> ChatChunkChoice:
        """Return the choice with why it ended."""
        return self._choice(index, ChatDelta(), reason=self.reason(done.finish_reason))

    def whole(self, index: int, answer: CollectedAnswer) -> ChatChoice:
        """Return the choice with its whole message; its content is None where there are only calls, or a refusal."""
        # As with OpenAI, the content is null beside a refusal, or where there are only calls.
        silent = bool(answer.refusal or (answer.calls and not answer.text))
        message = ChatMessage(
            role="assistant",
            content=None if silent else answer.text,
            refusal=answer.refusal or None,
            reasoning_content=answer.reasoning or UNSET,
        )
        if answer.calls:
            self.add_calls(message, answer.calls)
        reason = self.reason(answer.finish_reason)
        return ChatChoice(index=index, message=message, logprobs=chat_logprobs(answer.logprobs), finish_reason=reason)

    def reason(self, reason: FinishReason) -> ChatFinishReason:
        """Return OpenAI's word for why a choice ended."""
        return reason

    def call_delta(self, piece: ToolCallDelta) -> ChatDelta:
        """Return a piece of a call."""
        function = ChatFunctionDelta(arguments=piece.arguments, name=piece.name or UNSET)
        # Only the first piece of a call has an id; the later ones are matched by the index.
        if not piece.id:
            return ChatDelta(tool_calls=[ChatToolCallDelta(index=piece.index, function=function)])
        return ChatDelta(
            tool_calls=[ChatToolCallDelta(index=piece.index, id=piece.id, type="function", function=function)]
        )

    def add_calls(self, message: ChatMessage, calls: list[ToolCall]) -> None:
        """Add whole calls to a message."""
        message.tool_calls = [ChatToolCall(id=call.id, function=function_of(call)) for call in calls]

    def _choice(
        self,
        index: int,
        delta: ChatDelta,
        logprobs: Iterable[TokenLogprob] = (),
        reason: ChatFinishReason | None = None,
    ) -> ChatChunkChoice:
        return ChatChunkChoice(index=index, delta=delta, logprobs=chat_logprobs(logprobs), finish_reason=reason)


class LegacyChatShape(ChatShape):
    """For requests with ``functions``, OpenAI's legacy name for tools: one call, and no id."""

    def reason(self, reason: FinishReason) -> ChatFinishReason:
        """Return ``function_call`` in place of ``tool_calls``."""
        return "function_call" if reason == "tool_calls" else reason

    def call_delta(self, piece: ToolCallDelta) -> ChatDelta:
        """Return a piece of the one call."""
        return ChatDelta(function_call=ChatFunctionDelta(arguments=piece.arguments, name=piece.name or UNSET))

    def add_calls(self, message: ChatMessage, calls: list[ToolCall]) -> None:
        """Add the first call to a message."""
        # The legacy field is an object and no list, so it has room for one call.
        message.function_call = function_of(calls[0])


def whole(head: CompletionHead, shapes: Sequence[Shape], answers: Sequence[CollectedAnswer], n: int) -> Struct:
    """Return the whole response: one choice for each answer, `n` of them per prompt."""
    choices = [shape.whole(index, answer) for index, (shape, answer) in enumerate(zip(shapes, answers, strict=True))]
    usage = sum((usage_of_choice(answer.usage, index, n) for index, answer in enumerate(answers)), Usage())
    return with_head(shapes[0].completion, head, choices, usage_of(usage))


def with_head(
    kind: Callable[..., Struct],
    head: CompletionHead,
    choices: Sequence[Struct],
    usage: CompletionUsage | UnsetType | None,
) -> Struct:
    """Return a whole response or a chunk, which `kind` makes: its choices, and what all of them repeat."""
    return kind(
        id=head.id,
        created=head.created,
        model=head.model,
        system_fingerprint=head.fingerprint,
        choices=choices,
        usage=usage,
    )


def function_of(call: ToolCall) -> ChatFunctionCall:
    """Return the function of a whole call."""
    return ChatFunctionCall(name=call.name, arguments=call.arguments)


def usage_of_choice(usage: Usage, index: int, n: int) -> Usage:
    """Return what choice `index`, one of `n` per prompt, adds to the usage: as with OpenAI the prompt counts once."""
    return usage if index % n == 0 else Usage(completion_tokens=usage.completion_tokens)


def usage_of(usage: Usage) -> CompletionUsage:
    """Return token counts as OpenAI names them."""
    return CompletionUsage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=usage.cached_tokens),
    )
