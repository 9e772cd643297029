"""What the server answers to Anthropic's clients, typed; see schemas.py."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from services.api.dialects.openai.schemas import Count, Exact


class TextBlock(Exact, tag_field="type", tag="text"):
    text: str


class ThinkingBlock(Exact, tag_field="type", tag="thinking"):
    thinking: str
    signature: str


class ToolUseBlock(Exact, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: dict[str, Any]


class MessageUsage(Exact):
    """Tokens; those of the prompt that came from the cache are counted apart."""

    input_tokens: Count
    cache_creation_input_tokens: Count
    cache_read_input_tokens: Count
    output_tokens: Count


StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded", "refusal"]


class Refused(Exact):
    """Why the answer is none."""

    type: Literal["refusal"]
    category: None
    explanation: str


class MessageAnswer(Exact):
    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[TextBlock | ThinkingBlock | ToolUseBlock]
    stop_reason: StopReason
    stop_sequence: str | None
    usage: MessageUsage
    stop_details: Refused | UnsetType = UNSET


class CountedTokens(Exact):
    input_tokens: Count


class MessageEvent(Struct):
    """One event; what else it has depends on its type."""

    type: Literal[
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
    ]
