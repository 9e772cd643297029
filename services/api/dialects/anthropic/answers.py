"""Convert an answer to a message of Anthropic's API and its blocks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from services.api.dialects.anthropic.schemas import (
    AnswerBlock,
    MessageAnswer,
    MessageEnding,
    MessageOpening,
    MessageUsage,
    RefusalDetails,
    StopReason,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
)
from services.api.dialects.common.answer import CollectedAnswer
from services.core.events import Done, Usage


@dataclass(frozen=True, slots=True)
class MessageHead:
    """What a message has besides its answer."""

    id: str
    model: str
    max_tokens: int
    """The limit of the request, which tells a cut at the limit from one at the end of the context."""


def message_opening(head: MessageHead) -> MessageOpening:
    """Return a message before its first block."""
    return MessageOpening(
        id=head.id,
        role="assistant",
        model=head.model,
        content=[],
        # The engine has counted nothing yet; the last event of the stream has the counts.
        usage=usage_of(Usage()),
        stop_reason=None,
        stop_sequence=None,
    )


def whole(head: MessageHead, answer: CollectedAnswer) -> MessageAnswer:
    """Return the whole message."""
    end = message_ending(head, answer, answer.refusal)
    return MessageAnswer(
        id=head.id,
        role="assistant",
        model=head.model,
        content=content_blocks(answer),
        usage=usage_of(answer.usage),
        stop_reason=end.stop_reason,
        stop_sequence=end.stop_sequence,
        stop_details=end.stop_details,
    )


def content_blocks(answer: CollectedAnswer) -> list[AnswerBlock]:
    """Return the blocks of an answer, at least one: clients read the first."""
    found: list[AnswerBlock] = [thinking_block(answer.reasoning)] if answer.reasoning else []
    text = answer.refusal or answer.text
    if text or not (answer.reasoning or answer.calls):
        found.append(TextBlock(text=text))
    found += [
        ToolUseBlock(id=tool_use_id(call.id), name=call.name, input=arguments(call.arguments)) for call in answer.calls
    ]
    return found


def tool_use_id(call_id: str) -> str:
    """Return the id of a call as Anthropic's begin. Nothing is looked up by it, so it needs no way back."""
    return f"toolu_{call_id.removeprefix('call_')}"


def thinking_block(text: str) -> ThinkingBlock:
    """Return a block of reasoning."""
    # Clients need the field; nothing checks a signature when they send the block back.
    return ThinkingBlock(thinking=text, signature="")


def arguments(text: str) -> dict[str, Any]:
    """Return the arguments of a call, empty where the answer was cut off in them."""
    try:
        found = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        # `input` must be an object, and half a JSON text is none.
        return {}
    return found if isinstance(found, dict) else {}


def message_ending(head: MessageHead, answer: CollectedAnswer | Done, refusal: str = "") -> MessageEnding:
    """Return why an answer ended; `refusal` says why there is no answer, and is empty where there is one."""
    if refusal:
        details = RefusalDetails(category=None, explanation=refusal)
        return MessageEnding(stop_reason="refusal", stop_sequence=None, stop_details=details)
    return MessageEnding(stop_reason=stop_reason(head, answer), stop_sequence=answer.stop or None)


def stop_reason(head: MessageHead, answer: CollectedAnswer | Done) -> StopReason:
    """Return Anthropic's word for why an answer ended."""
    if answer.finish_reason == "tool_calls":
        return "tool_use"
    if answer.finish_reason == "length":
        # Engines end both with "length"; the count tells which limit was met.
        full = answer.usage.completion_tokens >= head.max_tokens
        return "max_tokens" if full else "model_context_window_exceeded"
    return "stop_sequence" if answer.stop else "end_turn"


def usage_of(usage: Usage) -> MessageUsage:
    """Return token counts as Anthropic names them: those of the prompt without those of the cache."""
    return MessageUsage(
        # Anthropic counts the cached part of a prompt apart; engines count it within the prompt.
        input_tokens=usage.prompt_tokens - usage.cached_tokens,
        cache_creation_input_tokens=0,
        cache_read_input_tokens=usage.cached_tokens,
        output_tokens=usage.completion_tokens,
    )
