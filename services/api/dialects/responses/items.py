"""Build the items of a streamed response piece by piece, with the events of each step. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, TypeVar

from services.api.dialects.responses.answers import (
    Prefix,
    ResponseHead,
    call_item,
    message_item,
    output_text,
    reasoning_item,
)
from services.api.dialects.responses.events import (
    CallArgumentsDelta,
    CallArgumentsDone,
    ContentPartAdded,
    ContentPartDone,
    ItemEvent,
    OutputTextDelta,
    OutputTextDone,
    ReasoningTextDelta,
    ReasoningTextDone,
    RefusalDelta,
    RefusalDone,
)
from services.api.dialects.responses.schemas import OutputItem, OutputPart, OutputRefusal, ReasoningText, Status
from services.core.events import Piece, Reasoning, Refusal, Text, TokenLogprob, ToolCallDelta
from services.core.message import ToolCall

E = TypeVar("E", bound=ItemEvent)


class ItemBuilder(ABC):
    """Builds one item of the output. Its events are numbered when they are made: send each before the next is made."""

    prefix: ClassVar[Prefix]

    def __init__(self, first: Piece, head: ResponseHead, index: int, numbers: Iterator[int]) -> None:
        """Begin without a piece; `add` is called with the `first` one too.

        `index` is the place of the item in the output; `numbers` counts the events of the stream.
        """
        self.id, self.index, self._numbers = head.item_id(self.prefix, index), index, numbers
        # A call needs the id and the name of its first piece at the end too.
        self._first = first
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """Return the text of all pieces until now."""
        return "".join(self._pieces)

    def event(self, kind: Callable[..., E], **fields: object) -> E:
        """Return an event with the next number, its `fields`, and those that all events of the item have."""
        return kind(sequence_number=next(self._numbers), item_id=self.id, output_index=self.index, **fields)

    @abstractmethod
    def empty(self) -> OutputItem:
        """Return the item without a piece."""

    @abstractmethod
    def item(self, status: Status) -> OutputItem:
        """Return the item with all pieces until now."""

    @abstractmethod
    def start(self) -> Iterator[ItemEvent]:
        """Yield the events between the one that adds the item and the first piece."""

    @abstractmethod
    def add(self, piece: Piece) -> Iterator[ItemEvent]:
        """Take a piece and yield its event."""

    @abstractmethod
    def stop(self) -> Iterator[ItemEvent]:
        """Yield the events between the last piece and the one that ends the item."""


class PartItemBuilder(ItemBuilder):
    """Builds an item that has one part."""

    @abstractmethod
    def part(self) -> OutputPart:
        """Return the part with all pieces until now."""

    @abstractmethod
    def done(self) -> ItemEvent:
        """Return the event with the whole content of the part."""

    def start(self) -> Iterator[ItemEvent]:
        """Yield the event that adds the part."""
        yield self.event(ContentPartAdded, content_index=0, part=self.part())

    def stop(self) -> Iterator[ItemEvent]:
        """Yield the events that end the content and the part."""
        yield self.done()
        yield self.event(ContentPartDone, content_index=0, part=self.part())


class TextBuilder(PartItemBuilder):
    """Builds the message with the text of the answer."""

    prefix = "msg"

    def __init__(self, first: Piece, head: ResponseHead, index: int, numbers: Iterator[int]) -> None:
        """Begin as every `ItemBuilder` does."""
        super().__init__(first, head, index, numbers)
        self._logprobs: list[TokenLogprob] = []

    def empty(self) -> OutputItem:
        """Return the message without its part."""
        return message_item(self.id, [], "in_progress")

    def item(self, status: Status) -> OutputItem:
        """Return the message."""
        return message_item(self.id, [output_text(self.text, self._logprobs)], status)

    def part(self) -> OutputPart:
        """Return the text."""
        return output_text(self.text, self._logprobs)

    def add(self, piece: Piece) -> Iterator[ItemEvent]:
        """Take a piece of text."""
        assert isinstance(piece, Text)
        self._pieces.append(piece.text)
        self._logprobs += piece.logprobs
        yield self.event(OutputTextDelta, content_index=0, delta=piece.text, logprobs=list(piece.logprobs))

    def done(self) -> ItemEvent:
        """Return the event with the whole text."""
        return self.event(OutputTextDone, content_index=0, text=self.text, logprobs=self._logprobs)


class ReasoningBuilder(PartItemBuilder):
    """Builds the item of the model's reasoning."""

    prefix = "rs"

    def empty(self) -> OutputItem:
        """Return the item without its part."""
        return reasoning_item(self.id, [], "in_progress")

    def item(self, status: Status) -> OutputItem:
        """Return the item."""
        return reasoning_item(self.id, [ReasoningText(text=self.text)], status)

    def part(self) -> OutputPart:
        """Return the reasoning."""
        return ReasoningText(text=self.text)

    def add(self, piece: Piece) -> Iterator[ItemEvent]:
        """Take a piece of reasoning."""
        assert isinstance(piece, Reasoning)
        self._pieces.append(piece.text)
        yield self.event(ReasoningTextDelta, content_index=0, delta=piece.text)

    def done(self) -> ItemEvent:
        """Return the event with the whole reasoning."""
        return self.event(ReasoningTextDone, content_index=0, text=self.text)


class RefusalBuilder(PartItemBuilder):
    """Builds the message that says why there is no answer. It comes in one piece."""

    prefix = "msg"

    def empty(self) -> OutputItem:
        """Return the message without its part."""
        return message_item(self.id, [], "in_progress")

    def item(self, status: Status) -> OutputItem:
        """Return the message."""
        return message_item(self.id, [OutputRefusal(refusal=self.text)], status)

    def part(self) -> OutputPart:
        """Return the refusal."""
        return OutputRefusal(refusal=self.text)

    def add(self, piece: Piece) -> Iterator[ItemEvent]:
        """Take the refusal."""
        assert isinstance(piece, Refusal)
        self._pieces.append(piece.text)
        yield self.event(RefusalDelta, content_index=0, delta=piece.text)

    def done(self) -> ItemEvent:
        """Return the event with the whole refusal."""
        return self.event(RefusalDone, content_index=0, refusal=self.text)


class CallBuilder(ItemBuilder):
    """Builds a call of a function. Its first piece has its id and its name."""

    prefix = "fc"

    def empty(self) -> OutputItem:
        """Return the call without arguments."""
        return self.item("in_progress")

    def item(self, status: Status) -> OutputItem:
        """Return the call."""
        assert isinstance(self._first, ToolCallDelta)
        return call_item(self.id, ToolCall(self._first.id, self._first.name, self.text), status)

    def start(self) -> Iterator[ItemEvent]:
        """Yield nothing: a call has no parts."""
        yield from ()

    def add(self, piece: Piece) -> Iterator[ItemEvent]:
        """Take a piece of the arguments; an empty one has no event."""
        assert isinstance(piece, ToolCallDelta)
        # The first piece of a call may have a name alone.
        if piece.arguments:
            self._pieces.append(piece.arguments)
            yield self.event(CallArgumentsDelta, delta=piece.arguments)

    def stop(self) -> Iterator[ItemEvent]:
        """Yield the event with the whole arguments."""
        yield self.event(CallArgumentsDone, arguments=self.text)


BUILDERS: Mapping[type[Piece], type[ItemBuilder]] = {
    Text: TextBuilder,
    Reasoning: ReasoningBuilder,
    Refusal: RefusalBuilder,
    ToolCallDelta: CallBuilder,
}
"""The builder of the item that each type of piece begins."""
