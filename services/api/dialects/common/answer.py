"""An answer with all its pieces joined, for responses that are sent whole; every dialect's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from services.core.events import Done, Event, FinishReason, Reasoning, Refusal, Text, ToolCall, Usage, closing


@dataclass(slots=True)
class Call:
    """A whole call of a tool."""

    id: str
    name: str
    arguments: str
    """The text of a JSON object."""


@dataclass(slots=True)
class Answer:
    """What the events of one answer say, up to its end."""

    text: str = ""
    thought: str = ""
    refusal: str = ""
    """In place of the text: why there is none."""
    calls: list[Call] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: FinishReason = "stop"
    usage: Usage = field(default_factory=Usage)
    timings: dict[str, float] = field(default_factory=dict)
    stop: str = ""
    """The stop string that ended it; empty where none did."""


def collected(events: Iterator[Event]) -> Answer:
    """Blocks until the answer is complete; raises what the events raise."""
    pieces = Pieces()
    with closing(events):
        for event in events:
            pieces.add(event)
    return pieces.answer()


class Pieces:
    """Gathers events. Pieces are joined once, at the end: an answer may have a hundred thousand."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._thought: list[str] = []
        self._refusal = ""
        self._calls: dict[int, list[ToolCall]] = {}
        self._logprobs: list[dict[str, Any]] = []
        self._done: Done | None = None

    def add(self, event: Event) -> None:
        match event:
            case Text():
                self._text.append(event.text)
                self._logprobs += event.logprobs
            case Reasoning():
                self._thought.append(event.text)
            case Refusal():
                self._refusal = event.text
            case ToolCall():
                self._calls.setdefault(event.index, []).append(event)
            case Done():
                self._done = event

    def answer(self) -> Answer:
        """The whole answer; its events must have come to their end."""
        assert self._done is not None
        return Answer(
            text="".join(self._text),
            thought="".join(self._thought),
            refusal=self._refusal,
            calls=[joined(pieces) for _, pieces in sorted(self._calls.items())],
            logprobs=self._logprobs,
            finish_reason=self._done.finish_reason,
            usage=self._done.usage,
            timings=self._done.timings,
            stop=self._done.stop,
        )


def joined(pieces: list[ToolCall]) -> Call:
    """The call that `pieces` are."""
    return Call(pieces[0].id, pieces[0].name, "".join(piece.arguments for piece in pieces))
