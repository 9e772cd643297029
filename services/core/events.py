"""What flows from an engine to the client: one stream of these events per request.

The order is ``(Reasoning | Text | ToolCallDelta | Refusal)* Done``, or ``Data Done`` for a request that wants data. A
`Waiting` may come wherever nothing else flows, and a `Notice` anywhere before `Done`.
A failure is an exception (`errors.ServiceError`), never an event, so no stage can mistake a broken answer for a
finished one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec

FinishReason = Literal["stop", "length", "tool_calls", "error"]
Phase = Literal["queued", "loading", "prefill", "decode", "retry"]

NoticeKind = Literal["warning", "state", "sources", "cache"]
"""What a `Notice` is about: what of the request has no effect, what it waits for first, what was done with its sources,
whether its answer was kept from before."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the response's headers say. One that comes after the first byte comes too late for them."""

    kind: NoticeKind
    value: str


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

    def __str__(self) -> str:
        """Return ``queued position=2``, ``loading``, ``prefill 37%``, ``retry tool_choice``."""
        if self.phase == "queued":
            return f"queued position={self.position}"
        if self.phase == "retry":
            return f"retry {self.reason}"
        return self.phase if self.progress is None else f"{self.phase} {self.progress:.0%}"


class TopLogprob(msgspec.Struct, frozen=True):
    """A token that the model might have written, and the natural logarithm of its probability."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    """The token's UTF-8 bytes, of which the text may be a broken part; None where the engine does not tell."""


class TokenLogprob(TopLogprob, frozen=True):
    """A token that the model wrote, with the likeliest alternatives."""

    top_logprobs: tuple[TopLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer. Pieces join to the answer without any separator."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    """One entry per token of this piece; empty unless they were asked for."""


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of the model's reasoning, without its tags."""

    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """In place of the answer: why there is none. Only for a job with a strict schema."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
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
    """The one result of a request that wants data: vectors, scores, tokens; `EngineRequest.kind` says which."""

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


Piece = Text | Reasoning | ToolCallDelta | Refusal
"""What an answer consists of."""

Event = Notice | Waiting | Piece | Data | Done

T = TypeVar("T")


def closing(source: Iterator[T]) -> contextlib.AbstractContextManager[Iterator[T]]:
    """Close a generator at the end of the block: whoever owns one does so. Other iterators have nothing to close."""
    close = getattr(source, "close", None)
    return contextlib.closing(source) if close else contextlib.nullcontext(source)  # type: ignore[type-var]
