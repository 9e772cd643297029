"""Define what clients of Anthropic's API may send. Unknown fields are tolerated; known ones must have their type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.api.dialects.common.bounds import Effort, MaxItems, Positive, StopList
from services.api.dialects.common.tools import FunctionName
from services.core.sampling import Natural, Probability, Temperature


class InputBlock(Struct):
    """One block of a message's content; which fields count depends on `type`."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    tool_use_id: str | None = None
    content: str | Annotated[list[InputBlock], MaxItems] | None = None
    is_error: bool | None = None


class InputMessage(Struct):
    """One message of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | Annotated[list[InputBlock], MaxItems]


class MessagesTool(Struct):
    """A tool that may be called."""

    name: FunctionName
    input_schema: dict[str, Any] = {}
    description: str = ""
    type: str | None = None
    """``custom``, or left out; tools of all other types run on Anthropic's servers."""


class MessagesToolChoice(Struct):
    """Which tools may or must be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingConfig(Struct):
    """The thinking switch."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: int | None = None
    display: str | None = None


class OutputFormat(Struct):
    """The schema that the answer must satisfy."""

    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(Struct):
    """What the answer must be like."""

    effort: Effort | None = None
    format: OutputFormat | None = None


class CountTokensRequest(Struct, kw_only=True):
    """``POST /v1/messages/count_tokens``, and what both requests share."""

    messages: Annotated[list[InputMessage], Meta(min_length=1), MaxItems]
    model: str | None = None
    system: str | Annotated[list[InputBlock], MaxItems] | None = None
    tools: list[MessagesTool] | None = None
    tool_choice: MessagesToolChoice | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    cache_control: dict[str, Any] | None = None
    mcp_servers: list[Any] | None = None
    context_management: dict[str, Any] | None = None


class MessagesRequest(CountTokensRequest, kw_only=True):
    """``POST /v1/messages``."""

    max_tokens: Positive
    stream: bool | None = None
    stop_sequences: StopList | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    top_k: Natural | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    container: Any = None
