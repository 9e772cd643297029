"""Define the messages of a conversation, independent of any dialect.

The dialects convert what clients send into these types. Every step down to the worker protocol uses them; only
`services.engines.worker.protocol` makes the dicts that chat templates read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text."""

    text: str


Part = TextPart
"""One part of a message's content. A picture or a recording would be one more class in this union, with its bytes."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A complete call of a tool, as an answer made it and as a later request repeats it."""

    id: str
    name: str
    arguments: str
    """The text of a JSON object."""
    unread: bool = False
    """Whether the client's arguments were no such text, and are left out."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `role` decides which fields are used."""

    role: Role
    parts: tuple[Part, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    """The calls in a message of the assistant."""
    call_id: str | None = None
    """The id of the call whose result this is, for the role ``tool``; None if the client did not say."""
    name: str | None = None
    """The tool whose result this is, for the role ``tool``; None if the client did not say."""

    @property
    def text(self) -> str:
        """Return its text parts, joined by newlines."""
        return "\n".join([part.text for part in self.parts if isinstance(part, TextPart)])

    def with_text(self, text: str) -> Message:
        """Return a copy with `text` in place of all text parts; other parts follow it."""
        others = tuple(part for part in self.parts if not isinstance(part, TextPart))
        return replace(self, parts=(TextPart(text), *others))


Messages = tuple[Message, ...]


def message(role: Role, text: str) -> Message:
    """Return a message with one text."""
    return Message(role, (TextPart(text),))


def texts(messages: Iterable[Message]) -> Iterable[str]:
    """Return the text of each message."""
    return (each.text for each in messages)
