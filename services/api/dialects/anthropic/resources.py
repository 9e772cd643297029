"""``/v1/messages`` and ``/v1/messages/count_tokens``: Anthropic's API. Events to its objects and its stream."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import falcon
import msgspec

from services.answering.service import Service
from services.api.dialects.anthropic import requests as messages_asks
from services.api.dialects.anthropic.types import CountRequest, MessagesRequest
from services.api.dialects.common.answer import Answer, Call, collected
from services.api.http import errors
from services.api.http.stream import describe, guarded, named_sse, primed, write_json, write_stream
from services.core.events import Done, Event, Piece, Reasoning, Refusal, Text, ToolCall, Usage, Waiting, closing


class Messages:
    """``POST /v1/messages``."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, MessagesRequest)
        model = self._service.model(request.model)
        ask = self._service.sources.told(messages_asks.chat(request, model.id), model, resp)
        (events,) = self._service.answers(req, resp, model, [ask], messages_asks.ignored(request))
        head = Head(f"msg_{req.context.id}", model.id, request.max_tokens)
        if request.stream:
            write_stream(resp, "text/event-stream", primed(stream(head, events)))
        else:
            write_json(resp, whole(head, collected(events)))


class CountTokens:
    """``POST /v1/messages/count_tokens``: the length of the prompt that the same message would be answered from."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, CountRequest)
        model = self._service.model(request.model)
        count = self._service.count(req, resp, messages_asks.chat(request, model.id), model)
        write_json(resp, {"input_tokens": count})


@dataclass(frozen=True, slots=True)
class Head:
    """What an answer says of itself besides what the model said."""

    id: str
    model: str
    max_tokens: int


def message(head: Head, content: list[dict[str, Any]], end: dict[str, Any], usage: dict[str, int]) -> dict[str, Any]:
    kind = {"id": head.id, "type": "message", "role": "assistant", "model": head.model}
    return {**kind, "content": content, **end, "usage": usage}


def whole(head: Head, answer: Answer) -> dict[str, Any]:
    """The answer as one object."""
    blocks = [thinking_block(answer.thought)] if answer.thought else []
    text = answer.refusal or answer.text
    blocks += [text_block(text)] if text or not (answer.thought or answer.calls) else []
    blocks += [tool_block(call) for call in answer.calls]
    return message(head, blocks, ending(head, answer, answer.refusal), usage_body(answer.usage))


def thinking_block(thought: str) -> dict[str, Any]:
    """Nothing signs the reasoning, since nothing checks it when it is sent back."""
    return {"type": "thinking", "thinking": thought, "signature": ""}


def text_block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def tool_block(call: Call) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments(call.arguments)}


def arguments(text: str) -> dict[str, Any]:
    """The arguments of a call; a model that was cut short may have left them unfinished, and then there are none."""
    try:
        found = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def ending(head: Head, answer: Answer | Done, refusal: str = "") -> dict[str, Any]:
    """Why the answer ended; `refusal` is why there is none."""
    if refusal:
        details = {"type": "refusal", "category": None, "explanation": refusal}
        return {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}
    reason = "stop_sequence" if answer.stop else "end_turn"
    if answer.finish_reason == "length":
        full = answer.usage.completion_tokens >= head.max_tokens
        reason = "max_tokens" if full else "model_context_window_exceeded"
    if answer.finish_reason == "tool_calls":
        reason = "tool_use"
    return {"stop_reason": reason, "stop_sequence": answer.stop or None}


def usage_body(usage: Usage) -> dict[str, int]:
    """Tokens from the cache are counted apart, as Anthropic does: the prompt is the sum of both."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }


def stream(head: Head, events: Iterator[Event]) -> Generator[bytes]:
    """Server-sent events up to ``message_stop``, or up to an ``error``."""
    return guarded(_events(head, events), lambda error: named_sse("error", errors.anthropic_body(error)))


def _events(head: Head, events: Iterator[Event]) -> Generator[bytes]:
    blocks, refusal = Blocks(), ""
    opening = message(head, [], {"stop_reason": None, "stop_sequence": None}, usage_body(Usage()))
    with closing(events):
        for index, event in enumerate(events):
            if index == 0:
                yield named_sse("message_start", {"type": "message_start", "message": opening})
            if isinstance(event, Waiting):
                yield f": {describe(event)}\n".encode() + named_sse("ping", {"type": "ping"})
            elif isinstance(event, Piece):
                refusal = event.text if isinstance(event, Refusal) else refusal
                yield from blocks.take(event)
            elif isinstance(event, Done):
                yield from blocks.end()
                yield from closed(head, event, refusal)


def closed(head: Head, done: Done, refusal: str) -> Iterator[bytes]:
    delta = {"type": "message_delta", "delta": ending(head, done, refusal), "usage": usage_body(done.usage)}
    yield named_sse("message_delta", delta)
    yield named_sse("message_stop", {"type": "message_stop"})


class Blocks:
    """The blocks of a streamed answer: each opens with its first piece and closes with the first of the next."""

    def __init__(self) -> None:
        self._index = -1
        self._open: object = None
        """What the open block holds: a type of event, or the number of a call."""

    def take(self, event: Piece) -> Iterator[bytes]:
        kind = event.index if isinstance(event, ToolCall) else type(event)
        if kind != self._open:
            yield from self._close()
            yield self._start(event)
            self._open = kind
        if delta := delta_of(event):
            yield self._frame("content_block_delta", delta=delta)

    def end(self) -> Iterator[bytes]:
        """The last block's end; an answer without any gets an empty one, since clients look for the first."""
        if self._index < 0:
            yield self._start(Text(""))
            self._open = Text
        yield from self._close()

    def _start(self, event: Piece) -> bytes:
        self._index += 1
        return self._frame("content_block_start", content_block=empty_block(event))

    def _close(self) -> Iterator[bytes]:
        if self._open is not None:
            yield self._frame("content_block_stop")

    def _frame(self, name: str, **more: Any) -> bytes:
        return named_sse(name, {"type": name, "index": self._index, **more})


def delta_of(event: Piece) -> dict[str, Any] | None:
    if isinstance(event, Text | Refusal):
        return {"type": "text_delta", "text": event.text}
    if isinstance(event, Reasoning):
        return {"type": "thinking_delta", "thinking": event.text}
    return {"type": "input_json_delta", "partial_json": event.arguments} if event.arguments else None


def empty_block(event: Piece) -> dict[str, Any]:
    """The block that `event` begins."""
    if isinstance(event, ToolCall):
        return tool_block(Call(event.id, event.name, ""))
    return thinking_block("") if isinstance(event, Reasoning) else text_block("")
