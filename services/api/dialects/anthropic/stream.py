"""Write the stream of Anthropic's API: events from ``message_start`` to ``message_stop``."""

from __future__ import annotations

from collections.abc import Iterator

from services.api.dialects.anthropic.answers import (
    MessageHead,
    message_ending,
    message_opening,
    thinking_block,
    tool_use_id,
    usage_of,
)
from services.api.dialects.anthropic.errors import error_body
from services.api.dialects.anthropic.schemas import (
    AnswerBlock,
    BlockDelta,
    ContentBlockDelta,
    ContentBlockStart,
    ContentBlockStop,
    InputJSONDelta,
    MessageDelta,
    MessageEvent,
    MessageStart,
    MessageStop,
    Ping,
    TextBlock,
    TextDelta,
    ThinkingDelta,
    ToolUseBlock,
)
from services.api.http.stream import Frames, comment, tagged_sse
from services.core.errors import ServiceError
from services.core.events import Done, Event, Notice, Piece, Reasoning, Refusal, Text, ToolCallDelta, Waiting, closing


def frames(head: MessageHead, events: Iterator[Event]) -> Frames:
    """Yield server-sent events up to ``message_stop``.

    Blocks as `events` do, and raises the same; closing it closes `events`.
    """
    blocks, refusal, begun = Blocks(), "", False
    with closing(events):
        for event in events:
            if isinstance(event, Notice):
                yield event
                continue
            if not begun:
                # Notices become headers, so nothing is sent before the first event that is none.
                begun = True
                yield tagged_sse(MessageStart(message=message_opening(head)))
            if isinstance(event, Waiting):
                # The comment is for people; Anthropic's clients know the event.
                yield comment(event) + tagged_sse(Ping())
            elif isinstance(event, Piece):
                refusal = event.text if isinstance(event, Refusal) else refusal
                yield from map(tagged_sse, blocks.add(event))
            elif isinstance(event, Done):
                yield from map(tagged_sse, blocks.end())
                yield tagged_sse(MessageDelta(delta=message_ending(head, event, refusal), usage=usage_of(event.usage)))
                yield tagged_sse(MessageStop())


def error_frame(error: ServiceError) -> bytes:
    """Return the last event of a stream that an error ends."""
    return tagged_sse(error_body(error))


class Blocks:
    """The blocks of a streamed answer. Each begins with its first piece and ends with the first piece of the next."""

    def __init__(self) -> None:
        self._index = -1
        self._kind: object = None
        """What the open block consists of: a type of piece, or the index of a call; None before the first block."""

    def add(self, piece: Piece) -> Iterator[MessageEvent]:
        """Take a piece and yield its events. An empty piece of a call's arguments has no delta."""
        # Two calls are two blocks, so the type alone does not tell them apart.
        kind = piece.index if isinstance(piece, ToolCallDelta) else type(piece)
        if kind != self._kind:
            yield from self._stop()
            yield self._start(piece)
            self._kind = kind
        if delta := delta_of(piece):
            yield ContentBlockDelta(index=self._index, delta=delta)

    def end(self) -> Iterator[MessageEvent]:
        """Yield the end of the last block. An answer without blocks gets an empty one, since clients read the first."""
        if self._index < 0:
            yield self._start(Text(""))
            self._kind = Text
        yield from self._stop()

    def _start(self, piece: Piece) -> ContentBlockStart:
        self._index += 1
        return ContentBlockStart(index=self._index, content_block=empty_block(piece))

    def _stop(self) -> Iterator[MessageEvent]:
        if self._kind is not None:
            yield ContentBlockStop(index=self._index)


def delta_of(piece: Piece) -> BlockDelta | None:
    """Return what a piece adds to its block, None for nothing."""
    match piece:
        case Text() | Refusal():
            return TextDelta(text=piece.text)
        case Reasoning():
            return ThinkingDelta(thinking=piece.text)
        case ToolCallDelta():
            return InputJSONDelta(partial_json=piece.arguments) if piece.arguments else None


def empty_block(piece: Piece) -> AnswerBlock:
    """Return the empty block that a piece begins."""
    match piece:
        case Text() | Refusal():
            return TextBlock(text="")
        case Reasoning():
            return thinking_block("")
        case ToolCallDelta():
            # The arguments follow as pieces of JSON; the block begins with an empty object.
            return ToolUseBlock(id=tool_use_id(piece.id), name=piece.name, input={})
