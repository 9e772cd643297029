"""The stream of the Responses API: numbered events, from ``response.created`` to the response's end."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, Protocol

from services.api.dialects.common.answer import Call
from services.api.dialects.responses.answers import (
    Head,
    Status,
    body,
    call_item,
    item_id,
    message_item,
    reasoning_item,
    refusal_part,
    status_of,
    text_part,
    token_logprobs,
)
from services.api.http.stream import comment, guarded, named_sse
from services.core.errors import ServiceError
from services.core.events import Done, Event, Piece, Reasoning, Refusal, Text, ToolCall, Waiting, closing

Frame = tuple[str, dict[str, Any]]
"""An event's name after ``response.``, and its fields."""


def stream(head: Head, events: Iterator[Event]) -> Generator[bytes]:
    """Server-sent events; the last is ``response.completed``, ``.incomplete`` or ``.failed``."""
    writer = Writer(head)
    return guarded(writer.frames(events), writer.failure)


class Item(Protocol):
    """An item of the output while it grows."""

    type: str

    def body(self) -> dict[str, Any]:
        """As far as it has grown."""

    def empty(self) -> dict[str, Any]:
        """As it begins."""

    def start(self) -> Iterator[Frame]:
        """What follows its addition."""

    def grow(self, event: Piece) -> Iterator[Frame]: ...

    def stop(self) -> Iterator[Frame]:
        """What comes before its end."""


class Said:
    """A message, or reasoning: one part of text."""

    def __init__(self, thought: bool) -> None:
        self.type = "reasoning" if thought else "message"
        self._kind = "reasoning_text" if thought else "output_text"
        self._pieces: list[str] = []
        self._logprobs: list[dict[str, Any]] = []

    def body(self) -> dict[str, Any]:
        text = "".join(self._pieces)
        return message_item(text_part(text, self._logprobs)) if self.type == "message" else reasoning_item(text)

    def empty(self) -> dict[str, Any]:
        return {**self.body(), "content": []}

    def start(self) -> Iterator[Frame]:
        yield "content_part.added", {"content_index": 0, "part": self.body()["content"][0]}

    def grow(self, event: Piece) -> Iterator[Frame]:
        if isinstance(event, Text):
            self._logprobs += event.logprobs
            self._pieces.append(event.text)
            more = {"delta": event.text, "logprobs": token_logprobs(event.logprobs)}
            yield f"{self._kind}.delta", {"content_index": 0, **more}
        elif isinstance(event, Reasoning):
            self._pieces.append(event.text)
            yield f"{self._kind}.delta", {"content_index": 0, "delta": event.text}

    def stop(self) -> Iterator[Frame]:
        part = self.body()["content"][0]
        whole = {name: part[name] for name in ("text", "logprobs") if name in part}
        yield f"{self._kind}.done", {"content_index": 0, **whole}
        yield "content_part.done", {"content_index": 0, "part": part}


class Refused:
    """A message that says why there is no answer: it comes whole."""

    type = "message"

    def __init__(self) -> None:
        self._sentence = ""

    def body(self) -> dict[str, Any]:
        return message_item(refusal_part(self._sentence))

    def empty(self) -> dict[str, Any]:
        return {**self.body(), "content": []}

    def start(self) -> Iterator[Frame]:
        yield "content_part.added", {"content_index": 0, "part": refusal_part("")}

    def grow(self, event: Piece) -> Iterator[Frame]:
        assert isinstance(event, Refusal)
        self._sentence = event.text
        yield "refusal.delta", {"content_index": 0, "delta": event.text}

    def stop(self) -> Iterator[Frame]:
        yield "refusal.done", {"content_index": 0, "refusal": self._sentence}
        yield "content_part.done", {"content_index": 0, "part": refusal_part(self._sentence)}


class Called:
    """A call of a function."""

    type = "function_call"

    def __init__(self, first: ToolCall) -> None:
        self._first = first
        self._pieces: list[str] = []

    def body(self) -> dict[str, Any]:
        return call_item(Call(self._first.id, self._first.name, "".join(self._pieces)))

    def empty(self) -> dict[str, Any]:
        return self.body()

    def start(self) -> Iterator[Frame]:
        yield from ()

    def grow(self, event: Piece) -> Iterator[Frame]:
        if isinstance(event, ToolCall) and event.arguments:
            self._pieces.append(event.arguments)
            yield "function_call_arguments.delta", {"delta": event.arguments}

    def stop(self) -> Iterator[Frame]:
        yield "function_call_arguments.done", {"arguments": "".join(self._pieces)}


def item_of(event: Piece) -> Item:
    """The item that `event` begins."""
    if isinstance(event, ToolCall):
        return Called(event)
    return Refused() if isinstance(event, Refusal) else Said(isinstance(event, Reasoning))


class Writer:
    """Writes one response. Each item begins with its first piece and ends with the first of the next."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._number = 0
        self._ended: list[dict[str, Any]] = []
        self._item: Item | None = None
        self._kind: object = None
        """What the item that grows holds: a type of event, or the number of a call."""

    def frames(self, events: Iterator[Event]) -> Generator[bytes]:
        with closing(events):
            for index, event in enumerate(events):
                if index == 0:
                    yield from self._begin()
                if isinstance(event, Waiting):
                    yield comment(event)
                elif isinstance(event, Piece):
                    yield from self._take(event)
                elif isinstance(event, Done):
                    status = status_of(event.finish_reason)
                    yield from self._close(status)
                    yield self._frame(status, response=body(self._head, status, self._ended, event.usage))

    def failure(self, error: ServiceError) -> bytes:
        """The last event of a response that broke off, with what there is of it."""
        items = [*self._ended, *([self._body("incomplete")] if self._item else [])]
        return self._frame("failed", response=body(self._head, "failed", items, error=error))

    def _begin(self) -> Iterator[bytes]:
        for name in ("created", "in_progress"):
            yield self._frame(name, response=body(self._head, "in_progress", []))

    def _take(self, event: Piece) -> Iterator[bytes]:
        kind = event.index if isinstance(event, ToolCall) else type(event)
        if kind != self._kind:
            yield from self._close("completed")
            yield from self._open(event)
            self._kind = kind
        assert self._item is not None
        yield from self._framed(self._item.grow(event))

    def _open(self, event: Piece) -> Iterator[bytes]:
        self._item = item = item_of(event)
        named = {**item.empty(), "id": self._id, "status": "in_progress"}
        yield self._frame("output_item.added", output_index=len(self._ended), item=named)
        yield from self._framed(item.start())

    def _close(self, status: Status) -> Iterator[bytes]:
        if self._item is not None:
            yield from self._framed(self._item.stop())
            item, index = self._body(status), len(self._ended)
            self._ended.append(item)
            self._item = None
            yield self._frame("output_item.done", output_index=index, item=item)

    @property
    def _id(self) -> str:
        assert self._item is not None
        return item_id(self._head, self._item.type, len(self._ended))

    def _body(self, status: Status) -> dict[str, Any]:
        assert self._item is not None
        return {**self._item.body(), "id": self._id, "status": status}

    def _framed(self, frames: Iterator[Frame]) -> Iterator[bytes]:
        for name, fields in frames:
            yield self._frame(name, item_id=self._id, output_index=len(self._ended), **fields)

    def _frame(self, name: str, **fields: Any) -> bytes:
        number, self._number = self._number, self._number + 1
        return named_sse(f"response.{name}", {"type": f"response.{name}", "sequence_number": number, **fields})
