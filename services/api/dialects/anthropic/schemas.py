"""Define what the answers of Anthropic's API, the events of its streams and its errors are made of."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from services.api.dialects.common.schema import AnswerStruct, Count

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded", "refusal"]


class TextBlock(AnswerStruct, tag_field="type", tag="text"):
    """The text of an answer."""

    text: str


class ThinkingBlock(AnswerStruct, tag_field="type", tag="thinking"):
    """The model's reasoning. Nothing signs it, since nothing checks it when it is sent back."""

    thinking: str
    signature: str
    """Always empty."""


class ToolUseBlock(AnswerStruct, tag_field="type", tag="tool_use"):
    """A call of a tool."""

    id: str
    name: str
    input: dict[str, Any]


AnswerBlock = TextBlock | ThinkingBlock | ToolUseBlock


class MessageUsage(AnswerStruct):
    """Token counts; those of the prompt that came from the cache are counted apart."""

    input_tokens: Count
    cache_creation_input_tokens: Count
    cache_read_input_tokens: Count
    output_tokens: Count


class RefusalDetails(AnswerStruct, tag_field="type", tag="refusal"):
    """Why there is no answer."""

    category: None
    explanation: str


class MessageHeader(AnswerStruct, tag_field="type", tag="message"):
    """What every message has."""

    id: str
    role: Literal["assistant"]
    model: str
    content: list[AnswerBlock]
    usage: MessageUsage


class MessageOpening(MessageHeader):
    """A message before its first block."""

    stop_reason: None
    stop_sequence: None


class MessageAnswer(MessageHeader):
    """A whole message."""

    stop_reason: StopReason
    stop_sequence: str | None
    stop_details: RefusalDetails | UnsetType = UNSET


class MessageTokenCount(AnswerStruct):
    """The number of tokens of a prompt."""

    input_tokens: Count


class MessageStart(AnswerStruct, tag_field="type", tag="message_start"):
    """The first event."""

    message: MessageOpening


class Ping(AnswerStruct, tag_field="type", tag="ping"):
    """The answer is still to come."""


class ContentBlockStart(AnswerStruct, tag_field="type", tag="content_block_start"):
    """A block begins, without its content."""

    index: Count
    content_block: AnswerBlock


class TextDelta(AnswerStruct, tag_field="type", tag="text_delta"):
    """A piece of the text."""

    text: str


class ThinkingDelta(AnswerStruct, tag_field="type", tag="thinking_delta"):
    """A piece of the reasoning."""

    thinking: str


class InputJSONDelta(AnswerStruct, tag_field="type", tag="input_json_delta"):
    """A piece of the JSON text of a call's input."""

    partial_json: str


BlockDelta = TextDelta | ThinkingDelta | InputJSONDelta


class ContentBlockDelta(AnswerStruct, tag_field="type", tag="content_block_delta"):
    """A block grows."""

    index: Count
    delta: BlockDelta


class ContentBlockStop(AnswerStruct, tag_field="type", tag="content_block_stop"):
    """A block is complete."""

    index: Count


class MessageEnding(AnswerStruct):
    """Why an answer ended."""

    stop_reason: StopReason
    stop_sequence: str | None
    stop_details: RefusalDetails | UnsetType = UNSET


class MessageDelta(AnswerStruct, tag_field="type", tag="message_delta"):
    """The answer ends."""

    delta: MessageEnding
    usage: MessageUsage


class MessageStop(AnswerStruct, tag_field="type", tag="message_stop"):
    """The last event of a complete answer."""


class MessageErrorDetail(AnswerStruct):
    """What is wrong."""

    type: str
    message: str


class MessageError(AnswerStruct, tag_field="type", tag="error"):
    """An error as Anthropic's clients read it, and the last event of an answer that an error ends."""

    error: MessageErrorDetail


MessageEvent = (
    MessageStart
    | Ping
    | ContentBlockStart
    | ContentBlockDelta
    | ContentBlockStop
    | MessageDelta
    | MessageStop
    | MessageError
)
"""Any event of a stream."""
