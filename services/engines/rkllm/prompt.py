"""Conversations for a runtime that takes one user turn per run. Pure decisions; standard library only.

Two ways to say a message list. *Continued*: the runtime still holds the conversation, and what is new is exactly one
user turn. *Replayed*: everything is written into one user turn, after the runtime has forgotten all before. Continued
is chosen only when the list, with the assistant's text as it was really generated, is an exact extension of what the
runtime holds; whatever else happened, an edit, another client, a new system prompt, a broken run, is replayed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

LABELS = {"user": "User", "assistant": "Assistant", "tool": "Tool result"}

SPECIAL = re.compile(r"<(?=[|\uff5c]|/?s>|bos>|eos>|pad>|start_of_turn>|end_of_turn>)|\[(?=/?INST\])")
"""Where a special token of a known family of templates begins."""

Message = tuple[str, str]


def neutral(text: str) -> str:
    """`text` with a blank inside whatever may be a special token, so that nobody writes turns of their own."""
    return SPECIAL.sub(r"\g<0> ", text)


def said(messages: Sequence[dict[str, Any]]) -> tuple[Message, ...]:
    return tuple((message["role"], message["content"]) for message in messages)


def flattened(messages: Sequence[Message]) -> str:
    """The whole list as the text of one user turn; it only grows at its end while a conversation goes on."""
    system = [text for role, text in messages if role == "system"]
    turns = [(role, text) for role, text in messages if role != "system"]
    if len(turns) == 1 and turns[0][0] == "user":
        return "\n\n".join([*system, turns[0][1]])
    return "\n\n".join([*system, *(f"{LABELS.get(role, role)}: {text}" for role, text in turns)])


class History:
    """What the runtime holds, as far as it is known for certain."""

    def __init__(self) -> None:
        self._held: tuple[Message, ...] | None = None

    def continued(self, messages: Sequence[Message]) -> str | None:
        """The one new user turn, or None when the conversation must be replayed."""
        held = self._held
        if not held or len(messages) != len(held) + 1 or tuple(messages[:-1]) != held or messages[-1][0] != "user":
            return None
        return messages[-1][1]

    def hold(self, messages: Sequence[Message], answer: str) -> None:
        """A run of `messages` ended by itself and gave `answer`."""
        self._held = (*messages, ("assistant", answer))

    def forget(self) -> None:
        """The runtime was cleared, or nobody knows what it holds."""
        self._held = None
