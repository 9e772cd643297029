"""Bring the end of a conversation into a form that every engine answers. Pure.

An agent that was interrupted sends back what there was: an empty answer, two answers in a row, calls without results.
A chat template continues a last message of the assistant, refuses two, and fails on calls that nobody answered.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.core.errors import BadRequest
from services.core.message import Message, Messages


def with_clear_end(messages: Messages) -> Messages:
    """Return `messages` with at most one message of the assistant at the end: text that is to be continued.

    Several are joined, calls without results are left out, and what has no text then. Raises `BadRequest` where nothing
    remains.
    """
    last = trailing_answers(messages)
    before = messages[: len(messages) - len(last)]
    parts = tuple(part for each in last if each.text.strip() for part in each.parts)
    if not before and not parts:
        raise BadRequest("The conversation has no message to answer. Send one of the user.", param="messages")
    return (*before, Message("assistant", parts)) if parts else before


def left_out(messages: Messages) -> Iterator[str]:
    """Yield what `with_clear_end` leaves out that a client would miss, as a warning names it."""
    if any(each.calls for each in trailing_answers(messages)):
        yield "tool_calls of the last message"


def trailing_answers(messages: Messages) -> Messages:
    """Return the assistant's messages at the end of a conversation."""
    count = 0
    while count < len(messages) and messages[-count - 1].role == "assistant":
        count += 1
    return messages[len(messages) - count :]
