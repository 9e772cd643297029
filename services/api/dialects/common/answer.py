"""Collect the events of an answer, for responses that are sent whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from services.api.http.notices import ShowNotice
from services.core.events import (
    Done,
    Event,
    FinishReason,
    Notice,
    Reasoning,
    Refusal,
    Text,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    closing,
)
from services.core.message import ToolCall


@dataclass(slots=True)
class CollectedAnswer:
    """A complete answer: what its events say together."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    """Why there is no answer; empty where there is one."""
    calls: list[ToolCall] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    finish_reason: FinishReason = "stop"
    usage: Usage = field(default_factory=Usage)
    timings: dict[str, float] = field(default_factory=dict)
    stop: str = ""
    """The stop string that ended the answer; empty where none did."""


def collected(events: Iterator[Event], show: ShowNotice) -> CollectedAnswer:
    """Return the complete answer, and `show` its notices. Blocks until its end; raises what `events` raise."""
    collector = AnswerCollector()
    with closing(events):
        for event in events:
            if isinstance(event, Notice):
                show(event)
            else:
                collector.add(event)
    return collector.answer()


class AnswerCollector:
    """Collects events. Their texts are joined once, at the end: an answer may have a hundred thousand pieces."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal = ""
        self._calls: dict[int, list[ToolCallDelta]] = {}
        self._logprobs: list[TokenLogprob] = []
        self._done: Done | None = None

    def add(self, event: Event) -> None:
        """Add one event. Events that are no part of the answer are ignored."""
        match event:
            case Text():
                self._text.append(event.text)
                self._logprobs += event.logprobs
            case Reasoning():
                self._reasoning.append(event.text)
            case Refusal():
                self._refusal = event.text
            case ToolCallDelta():
                # Each piece has the index of its call, so the pieces of several calls may come in any order.
                self._calls.setdefault(event.index, []).append(event)
            case Done():
                self._done = event

    def answer(self) -> CollectedAnswer:
        """Return the complete answer. Call it after `Done` was added."""
        assert self._done is not None
        return CollectedAnswer(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            refusal=self._refusal,
            calls=[joined(pieces) for _, pieces in sorted(self._calls.items())],
            logprobs=self._logprobs,
            finish_reason=self._done.finish_reason,
            usage=self._done.usage,
            timings=self._done.timings,
            stop=self._done.stop,
        )


def joined(pieces: list[ToolCallDelta]) -> ToolCall:
    """Return the call that `pieces` join to; the first has its id and its name."""
    return ToolCall(pieces[0].id, pieces[0].name, "".join(piece.arguments for piece in pieces))
