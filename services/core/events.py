"""Define the events that flow from an engine to the client: one stream of them per request.

The order is ``(Reasoning | Text | ToolCallDelta | Refusal)* Done``, or ``Data Done`` for a request for data. A
`Waiting` may come whenever nothing else flows, and a `Notice` anywhere before `Done`. A failure is an exception
(`errors.ServiceError`), never an event, so no step can mistake a broken answer for a finished one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal, TypeVar

from msgspec import Struct

FinishReason = Literal["stop", "length", "tool_calls", "error"]
Phase = Literal["queued", "loading", "prefill", "decode", "retry", "reading"]
"""What a request waits for; ``reading``: the model reads a long document in parts before it answers."""

NoticeKind = Literal["warning", "state", "sources", "cache"]
"""The subject of a `Notice`: parameters of the request without effect, what the request waits for first, what was
done with its sources, whether its answer comes from the cache."""


class Notice(Struct, frozen=True):
    """Something for the response's headers. A notice behind the first byte is too late for them."""

    kind: NoticeKind
    value: str
    words: str = ""
    """The same in a sentence for a person; empty if there is nothing that a person must know."""


class Waiting(Struct, frozen=True):
    """Nothing to send yet. It comes at least every `Settings.heartbeat_interval` seconds while nothing else flows."""

    phase: Phase
    position: int = 0
    """Requests ahead of this one in the phase ``queued``; the number of the part in ``reading``; else 0."""
    progress: float | None = None
    """Share of the phase that is done, 0.0 to 1.0; None if the engine does not report it."""
    reason: str = ""
    """The parameter of the request that the answer did not satisfy; empty unless the phase is ``retry``."""
    parts: int = 0
    """Parts that are read; 0 unless the phase is ``reading``."""

    def __str__(self) -> str:
        """Return ``queued position=2``, ``loading``, ``prefill 37%``, ``retry tool_choice``, ``reading 2/8``."""
        if self.phase == "queued":
            return f"queued position={self.position}"
        if self.phase == "retry":
            return f"retry {self.reason}"
        if self.phase == "reading":
            return f"reading {self.position}/{self.parts}"
        return self.phase if self.progress is None else f"{self.phase} {self.progress:.0%}"


class TopLogprob(Struct, frozen=True):
    """A token that the model considered, and the natural logarithm of its probability."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    """The token's UTF-8 bytes, which may be a part of a character; None if the engine does not report them."""


class TokenLogprob(TopLogprob, frozen=True):
    """A token that the model chose, with the most likely alternatives."""

    top_logprobs: tuple[TopLogprob, ...] = ()
    """The most likely tokens at this position, as many as were requested."""


class PromptToken(Struct, frozen=True):
    """A token of a prompt, and how likely it was after those before it; None for the first."""

    token: str
    logprob: float | None
    top_logprobs: tuple[TopLogprob, ...] = ()


class Text(Struct, frozen=True):
    """A piece of the answer. Pieces are joined without a separator."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    """One entry per token of this piece; empty unless they were requested."""


class Reasoning(Struct, frozen=True):
    """A piece of the model's reasoning, without its tags."""

    text: str


class Refusal(Struct, frozen=True):
    """Why there is no answer, in its place. Only for a request with a strict schema."""

    text: str


class ToolCallDelta(Struct, frozen=True):
    """A piece of a call that the model wants. The first piece of a call has its id and its name, the others do not.

    The arguments of all pieces with one `index`, joined, are the text of one JSON object.
    """

    index: int
    """Index of the call in the answer, from 0."""
    arguments: str = ""
    id: str = ""
    name: str = ""


class Data(Struct, frozen=True):
    """The only result of a request for data: vectors, scores, or tokens, as `EngineRequest.kind` says."""

    value: Any


class Usage(Struct, frozen=True):
    """Token counts from the engine's own counters."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Tokens of the prompt whose KV cache entries were reused, so that they needed no prefill."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )


class Done(Struct, frozen=True):
    """The end of a complete answer; always the last event."""

    finish_reason: FinishReason
    usage: Usage
    timings: dict[str, float] = {}
    """Seconds per phase as the engine measured them: ``prefill``, ``decode``; empty if it does not report them."""
    stop: str = ""
    """The stop string that ended the answer; empty if none did."""


Piece = Text | Reasoning | ToolCallDelta | Refusal
"""A part of an answer."""

Event = Notice | Waiting | Piece | Data | Done

T = TypeVar("T")


def closing(source: Iterator[T]) -> contextlib.AbstractContextManager[Iterator[T]]:
    """Return a context manager that closes a generator at the end of the block; other iterators are left alone.

    Whoever receives a generator must close it: that is how a cancel reaches the engine.
    """
    close = getattr(source, "close", None)
    return contextlib.closing(source) if close else contextlib.nullcontext(source)  # type: ignore[type-var]
