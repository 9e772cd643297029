"""What flows from an engine to the client: one stream of these events per request.

The order is ``(Thought | Text | ToolCall | Refusal)* Done``, or ``Data Done`` for a job that writes no answer, with a
`Waiting` wherever nothing else flows.
A failure is an exception (`errors.ServiceError`), never an event, so no stage can mistake a broken answer for a
finished one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

FinishReason = Literal["stop", "length", "tool_calls", "error"]
Phase = Literal["queued", "loading", "prefill", "decode", "retry"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing to say yet. Sent at least every `Settings.heartbeat_interval` seconds while nothing else flows."""

    phase: Phase
    position: int = 0
    """Requests ahead of this one; 0 unless the phase is ``queued``."""
    progress: float | None = None
    """Share of the phase that is done, 0.0 to 1.0; None where the engine does not tell."""
    reason: str = ""
    """The request's parameter that the answer did not satisfy; empty unless the phase is ``retry``."""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer. Pieces join to the answer without any separator."""

    text: str
    logprobs: tuple[dict[str, Any], ...] = ()
    """One OpenAI ``logprobs.content`` entry per token of this piece; empty unless they were asked for."""


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of the model's reasoning, without its tags."""

    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """In place of the answer: why there is none. Only for a job with a strict schema."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A piece of a call the model wants made. A call's first piece has its id and its name, no later one has.

    The arguments of all pieces with one `index` join to the text of one JSON object.
    """

    index: int
    """Which call of the answer, from 0."""
    arguments: str = ""
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """The one result of a job that writes no answer: vectors, scores, tokens; what `EngineRequest.kind` says it is."""

    value: Any


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts from the engine's own counters."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Those of `prompt_tokens` whose KV cache entries were reused, so that they were not prefilled again."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a complete answer; always the last event."""

    finish_reason: FinishReason
    usage: Usage
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds per phase as the engine measured them: ``prefill``, ``decode``; empty where it does not tell."""
    stop: str = ""
    """The stop string that ended the answer; empty where none did."""


Piece = Text | Reasoning | ToolCall | Refusal
"""What an answer consists of."""

Event = Waiting | Piece | Data | Done

T = TypeVar("T")


def closing(source: Iterator[T]) -> contextlib.AbstractContextManager[Iterator[T]]:
    """Close a generator at the end of the block: whoever owns one does so. Other iterators have nothing to close."""
    close = getattr(source, "close", None)
    return contextlib.closing(source) if close else contextlib.nullcontext(source)  # type: ignore[type-var]
