"""Events to OpenAI's objects and chunks. Pure conversions, but for `stream` and `collect`, which run the events."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from services.api.dialects.common.answer import Answer, Call, collected
from services.api.dialects.common.logprobs import chat_logprobs, text_logprobs
from services.api.http import errors
from services.api.http.stream import DONE, comment, guarded, sse
from services.core.events import Done, Event, Piece, Reasoning, Refusal, Text, ToolCall, Usage, Waiting, closing

Answers = Iterable[Iterator[Event]]
"""One event stream per choice, run one after the other."""


@dataclass(frozen=True, slots=True)
class Head:
    """What every object and chunk of one response repeats."""

    id: str
    created: int
    model: str
    fingerprint: str


class Shape(Protocol):
    """How one endpoint spells its choices."""

    object: str
    chunk_object: str

    def opening(self) -> dict[str, Any] | None:
        """The body of a choice's first chunk, None for no such chunk."""

    def piece(self, event: Piece) -> dict[str, Any]:
        """The body of a choice's chunk for one piece."""

    def ending(self) -> dict[str, Any]:
        """The body of a choice's last chunk."""

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The body of a complete choice."""

    def reason(self, done: Done | Answer) -> str:
        """Why a choice ended."""


class ChatShape:
    object = "chat.completion"
    chunk_object = "chat.completion.chunk"

    def opening(self) -> dict[str, Any] | None:
        return {"delta": {"role": "assistant", "content": ""}, "logprobs": None}

    def piece(self, event: Piece) -> dict[str, Any]:
        if isinstance(event, Reasoning):
            return {"delta": {"reasoning_content": event.text}, "logprobs": None}
        if isinstance(event, Refusal):
            return {"delta": {"refusal": event.text}, "logprobs": None}
        if isinstance(event, ToolCall):
            return {"delta": self.call_delta(event), "logprobs": None}
        return {"delta": {"content": event.text}, "logprobs": chat_logprobs(event.logprobs)}

    def ending(self) -> dict[str, Any]:
        return {"delta": {}, "logprobs": None}

    def whole(self, answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": answer.refusal or None}
        if answer.refusal:
            message["content"] = None
        if answer.thought:
            message["reasoning_content"] = answer.thought
        if answer.calls:
            message["content"] = answer.text or None
            message |= self.calls(answer.calls)
        return {"message": message, "logprobs": chat_logprobs(answer.logprobs)}

    def reason(self, done: Done | Answer) -> str:
        return done.finish_reason

    def call_delta(self, piece: ToolCall) -> dict[str, Any]:
        return {"tool_calls": [call_delta(piece)]}

    def calls(self, calls: list[Call]) -> dict[str, Any]:
        return {"tool_calls": [call_body(call) for call in calls]}


class OlderChatShape(ChatShape):
    """For requests with ``functions``, OpenAI's older name for tools: one call, and no id."""

    def reason(self, done: Done | Answer) -> str:
        return "function_call" if done.finish_reason == "tool_calls" else done.finish_reason

    def call_delta(self, piece: ToolCall) -> dict[str, Any]:
        named = {"name": piece.name} if piece.name else {}
        return {"function_call": {**named, "arguments": piece.arguments}}

    def calls(self, calls: list[Call]) -> dict[str, Any]:
        return {"function_call": {"name": calls[0].name, "arguments": calls[0].arguments}}


class TextShape:
    object = "text_completion"
    chunk_object = "text_completion"

    def __init__(self, echo: str = "") -> None:
        """`echo` goes before the answer."""
        self._echo = echo

    def opening(self) -> dict[str, Any] | None:
        return {"text": self._echo, "logprobs": None} if self._echo else None

    def piece(self, event: Piece) -> dict[str, Any]:
        logprobs = event.logprobs if isinstance(event, Text) else ()
        text = "" if isinstance(event, ToolCall) else event.text
        return {"text": text, "logprobs": text_logprobs(logprobs)}

    def ending(self) -> dict[str, Any]:
        return {"text": "", "logprobs": None}

    def whole(self, answer: Answer) -> dict[str, Any]:
        return {"text": self._echo + answer.text, "logprobs": text_logprobs(answer.logprobs)}

    def reason(self, done: Done | Answer) -> str:
        return done.finish_reason


def call_delta(piece: ToolCall) -> dict[str, Any]:
    function = {"arguments": piece.arguments}
    if not piece.id:
        return {"index": piece.index, "function": function}
    return {"index": piece.index, "id": piece.id, "type": "function", "function": {"name": piece.name, **function}}


def call_body(call: Call) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def usage_body(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def of_choice(usage: Usage, index: int, n: int) -> Usage:
    """What choice `index`, one of `n` per prompt, adds to the usage: as with OpenAI the prompt counts once."""
    return usage if index % n == 0 else Usage(completion_tokens=usage.completion_tokens)


def collect(head: Head, shapes: Iterable[Shape], answers: Answers, n: int) -> dict[str, Any]:
    """The whole response object, with `n` choices per prompt.

    Blocks until the last answer is complete; raises what the events raise.
    """
    usage, choices, name = Usage(), [], ""
    for index, (shape, events) in enumerate(zip(shapes, answers, strict=False)):
        answer = collected(events)
        usage, name = usage + of_choice(answer.usage, index, n), shape.object
        choices.append({"index": index, **shape.whole(answer), "finish_reason": shape.reason(answer)})
    return {**envelope(head, name), "choices": choices, "usage": usage_body(usage)}


def envelope(head: Head, name: str) -> dict[str, Any]:
    return {
        "id": head.id,
        "object": name,
        "created": head.created,
        "model": head.model,
        "system_fingerprint": head.fingerprint,
    }


def stream(head: Head, shapes: Iterable[Shape], answers: Answers, n: int, include_usage: bool) -> Generator[bytes]:
    """Server-sent events, with `n` choices per prompt, ending with ``[DONE]``.

    A stream that an error ends has none: its answer is not done.
    """
    return guarded(_chunks(head, shapes, answers, n, include_usage), lambda error: sse(errors.body(error)))


def _chunks(head: Head, shapes: Iterable[Shape], answers: Answers, n: int, include_usage: bool) -> Generator[bytes]:
    total, frame = Usage(), {}
    for index, (shape, events) in enumerate(zip(shapes, answers, strict=False)):
        frame = envelope(head, shape.chunk_object) | ({"usage": None} if include_usage else {})
        with closing(events):
            for event in _opened(shape, events):
                if isinstance(event, Waiting):
                    yield comment(event)
                    continue
                choice, reason = event
                if isinstance(reason, Done):
                    total += of_choice(reason.usage, index, n)
                yield sse(
                    {**frame, "choices": [{"index": index, **choice, "finish_reason": reason and shape.reason(reason)}]}
                )
    if include_usage:
        yield sse({**frame, "choices": [], "usage": usage_body(total)})
    yield DONE


def _opened(shape: Shape, events: Iterator[Event]) -> Iterator[Waiting | tuple[dict[str, Any], Done | None]]:
    """Choice bodies, with the opening before the first piece; the last comes with its `Done`."""
    opening = shape.opening()
    for event in events:
        if isinstance(event, Waiting):
            yield event
            continue
        if opening is not None:
            yield opening, None
            opening = None
        if isinstance(event, Done):
            yield shape.ending(), event
        elif isinstance(event, Piece):
            yield shape.piece(event), None
