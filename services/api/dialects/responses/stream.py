"""Write the stream of the Responses API: numbered events, from ``response.created`` to the end of the response."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from services.api.dialects.responses.answers import ResponseHead, response, response_status
from services.api.dialects.responses.events import (
    NumberedEvent,
    OutputItemAdded,
    OutputItemDone,
    ResponseCompleted,
    ResponseCreated,
    ResponseFailed,
    ResponseIncomplete,
    ResponseInProgress,
    ResponseStateEvent,
)
from services.api.dialects.responses.items import BUILDERS, ItemBuilder
from services.api.dialects.responses.schemas import OutputItem, Status
from services.api.http.stream import Frames, comment, tagged_sse
from services.core.errors import ServiceError
from services.core.events import Done, Event, Notice, Piece, ToolCallDelta, Usage, Waiting, closing

ENDINGS: Mapping[Status, type[ResponseStateEvent]] = {
    "completed": ResponseCompleted,
    "incomplete": ResponseIncomplete,
    "failed": ResponseFailed,
}
"""The last event of a response by its status."""


class ResponseWriter:
    """Writes the stream of a response. An item ends with the first piece of the next one."""

    def __init__(self, head: ResponseHead) -> None:
        self._head = head
        self._numbers = itertools.count()
        self._ended: list[OutputItem] = []
        self._item: ItemBuilder | None = None
        self._kind: object = None
        """What the item consists of: a type of piece, or the index of a call; None before the first item."""

    def frames(self, events: Iterator[Event]) -> Frames:
        """Yield server-sent events; the last is ``response.completed`` or ``response.incomplete``.

        Blocks as `events` do, and raises the same; closing it closes `events`.
        """
        begun = False
        with closing(events):
            for event in events:
                if isinstance(event, Notice):
                    yield event
                    continue
                if not begun:
                    begun = True
                    yield self._response(ResponseCreated, "in_progress")
                    yield self._response(ResponseInProgress, "in_progress")
                if isinstance(event, Waiting):
                    yield comment(event)
                elif isinstance(event, Piece):
                    yield from map(tagged_sse, self._add(event))
                elif isinstance(event, Done):
                    status = response_status(event.finish_reason)
                    yield from map(tagged_sse, self._end_item(status))
                    yield self._response(ENDINGS[status], status, event.usage)

    def error_frame(self, error: ServiceError) -> bytes:
        """Return the last event of a response that an error ends: ``response.failed``, with the output until then."""
        if self._item:
            # The client has pieces of this item already, so the response must show it.
            self._ended.append(self._item.item("incomplete"))
        return self._response(ResponseFailed, "failed", error=error)

    def _response(
        self,
        kind: type[ResponseStateEvent],
        status: Status,
        usage: Usage | None = None,
        error: ServiceError | None = None,
    ) -> bytes:
        body = response(self._head, status, self._ended, usage, error)
        return tagged_sse(kind(sequence_number=next(self._numbers), response=body))

    def _add(self, piece: Piece) -> Iterator[NumberedEvent]:
        # Two calls are two items, so the type alone does not tell them apart.
        kind = piece.index if isinstance(piece, ToolCallDelta) else type(piece)
        if self._item is None or kind != self._kind:
            yield from self._end_item("completed")
            self._item = BUILDERS[type(piece)](piece, self._head, len(self._ended), self._numbers)
            self._kind = kind
            yield self._item_event(OutputItemAdded, self._item.index, self._item.empty())
            yield from self._item.start()
        yield from self._item.add(piece)

    def _end_item(self, status: Status) -> Iterator[NumberedEvent]:
        if self._item is None:
            return
        yield from self._item.stop()
        item, self._item = self._item, None
        self._ended.append(item.item(status))
        yield self._item_event(OutputItemDone, item.index, self._ended[-1])

    def _item_event(self, kind: type[OutputItemAdded | OutputItemDone], index: int, item: OutputItem) -> NumberedEvent:
        return kind(sequence_number=next(self._numbers), output_index=index, item=item)
