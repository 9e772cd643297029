"""The messages of a conversation, in no dialect's words.

The dialects make them of what clients send. Every step down to the worker protocol takes and returns these types; only
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
"""One part of a message's content. A picture or a recording is one more class in this union, with its bytes."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A whole call of a tool, as an answer made it and as a later request repeats it."""

    id: str
    name: str
    arguments: str
    """The text of a JSON object."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Which fields count depends on `role`."""

    role: Role
    parts: tuple[Part, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    """The calls that a message of the assistant made."""
    call_id: str | None = None
    """The call whose result a message of the role ``tool`` is; None where the client did not say."""
    name: str | None = None
    """The tool whose result it is; None where the client did not say."""

    @property
    def text(self) -> str:
        """Return its text parts, joined by newlines."""
        return "\n".join([part.text for part in self.parts if isinstance(part, TextPart)])

    def with_text(self, text: str) -> Message:
        """Return a copy in which `text` replaces all text; parts of other kinds stay, behind it."""
        others = tuple(part for part in self.parts if not isinstance(part, TextPart))
        return replace(self, parts=(TextPart(text), *others))


Messages = tuple[Message, ...]


def message(role: Role, text: str) -> Message:
    """Return a message that is one text and nothing else."""
    return Message(role, (TextPart(text),))


def texts(messages: Iterable[Message]) -> Iterable[str]:
    """Return the text of each message."""
    return (each.text for each in messages)
