"""Define what the events of the Responses API's streams are made of."""

from __future__ import annotations

from services.api.dialects.common.schema import AnswerStruct, Count
from services.api.dialects.responses.schemas import OutputItem, OutputPart, ResponseAnswer
from services.core.events import TokenLogprob


class NumberedEvent(AnswerStruct, tag_field="type"):
    """The base of all events."""

    sequence_number: Count
    """The place of the event in its stream, from 0."""


class ResponseStateEvent(NumberedEvent):
    """An event with the whole response, as complete as it is."""

    response: ResponseAnswer


class ResponseCreated(ResponseStateEvent, tag="response.created"):
    """The first event."""


class ResponseInProgress(ResponseStateEvent, tag="response.in_progress"):
    """The second event."""


class ResponseCompleted(ResponseStateEvent, tag="response.completed"):
    """The last event of a complete answer."""


class ResponseIncomplete(ResponseStateEvent, tag="response.incomplete"):
    """The last event of an answer that was cut short."""


class ResponseFailed(ResponseStateEvent, tag="response.failed"):
    """The last event of an answer that an error ended."""


class OutputItemAdded(NumberedEvent, tag="response.output_item.added"):
    """An item begins."""

    output_index: Count
    item: OutputItem


class OutputItemDone(NumberedEvent, tag="response.output_item.done"):
    """An item is complete."""

    output_index: Count
    item: OutputItem


class ItemEvent(NumberedEvent):
    """An event inside an item."""

    item_id: str
    output_index: Count


class PartEvent(ItemEvent):
    """An event inside a part of an item."""

    content_index: Count


class ContentPartAdded(PartEvent, tag="response.content_part.added"):
    """A part begins."""

    part: OutputPart


class ContentPartDone(PartEvent, tag="response.content_part.done"):
    """A part is complete."""

    part: OutputPart


class OutputTextDelta(PartEvent, tag="response.output_text.delta"):
    """A piece of the text."""

    delta: str
    logprobs: list[TokenLogprob]


class OutputTextDone(PartEvent, tag="response.output_text.done"):
    """The whole text."""

    text: str
    logprobs: list[TokenLogprob]


class ReasoningTextDelta(PartEvent, tag="response.reasoning_text.delta"):
    """A piece of the reasoning."""

    delta: str


class ReasoningTextDone(PartEvent, tag="response.reasoning_text.done"):
    """The whole reasoning."""

    text: str


class RefusalDelta(PartEvent, tag="response.refusal.delta"):
    """The refusal, which comes in one piece."""

    delta: str


class RefusalDone(PartEvent, tag="response.refusal.done"):
    """The whole refusal."""

    refusal: str


class CallArgumentsDelta(ItemEvent, tag="response.function_call_arguments.delta"):
    """A piece of a call's arguments."""

    delta: str


class CallArgumentsDone(ItemEvent, tag="response.function_call_arguments.done"):
    """The whole arguments of a call."""

    arguments: str


ResponseEvent = (
    ResponseCreated
    | ResponseInProgress
    | ResponseCompleted
    | ResponseIncomplete
    | ResponseFailed
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | OutputTextDelta
    | OutputTextDone
    | ReasoningTextDelta
    | ReasoningTextDone
    | RefusalDelta
    | RefusalDone
    | CallArgumentsDelta
    | CallArgumentsDone
)
"""Any event of a stream."""
