"""Write conversations for a runtime that takes one user message per run. Pure decisions; standard library only.

A message list is sent in one of two ways. *Continued*: the runtime's KV cache still has the conversation, and what is
new is exactly one user message. *Replayed*: everything is written into one user message, after the cache was cleared.
Continued is chosen only when the list, with the assistant's text as it was really generated, is an exact extension of
what the cache has. Everything else is replayed: an edit, another client, a new system prompt, a broken run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.engines.worker.reasoning import without_reasoning

LABELS = {"user": "User", "assistant": "Assistant", "tool": "Tool result"}

RoleAndText = tuple[str, str]


def pairs(messages: Sequence[dict[str, Any]]) -> tuple[RoleAndText, ...]:
    """Return role and text of each message."""
    return tuple((message["role"], message["content"]) for message in messages)


def flattened(messages: Sequence[RoleAndText]) -> str:
    """Return the whole list as the text of one user message; it only grows at its end while a conversation goes on."""
    system = [text for role, text in messages if role == "system"]
    others = [(role, text) for role, text in messages if role != "system"]
    written = [labelled(role, text) for role, text in others]
    # A question alone needs no label. It must not get one later either: the runtime's cache has it without.
    if others and others[0][0] == "user":
        written[0] = others[0][1]
    return "\n\n".join([*system, *written])


def labelled(role: str, text: str) -> str:
    """Return a message with who says it; of an earlier answer without its reasoning, which is only for that answer."""
    return f"{LABELS.get(role, role)}: {without_reasoning(text) if role == 'assistant' else text}"


class History:
    """Remember what the runtime's cache has, as far as it is known for certain."""

    def __init__(self) -> None:
        """Begin with an empty cache."""
        self._cached: tuple[RoleAndText, ...] | None = None

    def continued(self, messages: Sequence[RoleAndText]) -> str | None:
        """Return the one new user message, or None when the conversation must be replayed."""
        cached = self._cached
        if not cached or tuple(messages[:-1]) != cached or messages[-1][0] != "user":
            return None
        return messages[-1][1]

    def record(self, messages: Sequence[RoleAndText], answer: str) -> None:
        """Note that a run of `messages` ended by itself and gave `answer`."""
        self._cached = (*messages, ("assistant", answer))

    def forget(self) -> None:
        """Note that the cache was cleared, or that its content is unknown."""
        self._cached = None
