"""Define what clients of Anthropic's API may send. Unknown fields are tolerated; known ones must have their type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.api.dialects.common.bounds import (
    AnyCallId,
    AnyInteger,
    Description,
    Effort,
    MaxItems,
    Metadata,
    Name,
    Object,
    Positive,
    StopList,
    Text,
    Word,
)
from services.api.dialects.common.foreign import ForeignParameters
from services.api.dialects.common.tools import FunctionName, MaxTools


class InputBlock(Struct):
    """One block of a message's content; which fields count depends on `type`."""

    type: Word
    text: Text | None = None
    id: AnyCallId | None = None
    name: Name | None = None
    input: Any = None
    """The arguments of a call; `common.tools.earlier_call` leaves out what is no object."""
    tool_use_id: AnyCallId | None = None
    content: Text | Annotated[list[InputBlock], MaxItems] | Object | int | float | bool | None = None
    """The result of a tool. Anthropic has no objects and numbers here, but clients send them."""
    is_error: bool | None = None


class InputMessage(Struct):
    """One message of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: Text | Annotated[list[InputBlock], MaxItems] | None = None


class MessagesTool(Struct):
    """A tool that may be called."""

    name: FunctionName | None = None
    input_schema: Object | None = None
    description: Description | None = None
    type: Word | None = None
    """``custom``, or left out; tools of all other types are left out."""
    strict: bool | None = None
    input_examples: Any = None


class MessagesToolChoice(Struct):
    """Which tools may or must be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: Name | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingConfig(Struct):
    """The thinking switch."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: AnyInteger | None = None
    display: Word | None = None


class OutputFormat(Struct):
    """The schema that the answer must satisfy. A `type` other than ``json_schema`` has no effect."""

    type: Word
    schema: Object | None = None


class OutputConfig(Struct):
    """What the answer must be like."""

    effort: Effort | None = None
    format: OutputFormat | None = None


class CountTokensRequest(ForeignParameters, frozen=True, kw_only=True):
    """``POST /v1/messages/count_tokens``, and what both requests share."""

    messages: Annotated[list[InputMessage], Meta(min_length=1), MaxItems]
    model: Name | None = None
    system: Text | Annotated[list[InputBlock], MaxItems] | None = None
    tools: Annotated[list[MessagesTool], MaxTools] | None = None
    tool_choice: MessagesToolChoice | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    """The older place of ``output_config.format``."""
    cache_control: Object | None = None
    mcp_servers: Annotated[list[Any], MaxItems] | None = None
    context_management: Object | None = None
    max_tokens: Any = None
    """What only limits an answer has no effect on the prompt."""
    stop_sequences: Any = None


class MessagesRequest(CountTokensRequest, frozen=True, kw_only=True):
    """``POST /v1/messages``."""

    max_tokens: Positive
    stream: bool | None = None
    stop_sequences: StopList | None = None
    metadata: Metadata | None = None
    service_tier: Word | None = None
    container: Any = None
