"""Run the answers of a completion: to one object, or to server-sent events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from msgspec import UNSET, Struct

from services.api.dialects.common.answer import collected
from services.api.dialects.common.errors import error_body
from services.api.dialects.openai.answers import Head, Shape, usage_of
from services.api.http.notices import Show
from services.api.http.stream import Frames, comment, sse
from services.core.errors import ServiceError
from services.core.events import Done, Event, Notice, Piece, Usage, Waiting, closing

DONE = b"data: [DONE]\n\n"

W = TypeVar("W")
C = TypeVar("C")

Answers = Iterator[Iterator[Event]]
"""One event stream per choice, run one after the other."""


def tell_error(error: ServiceError) -> bytes:
    """Return the last event of a stream that an error ends. It has no ``[DONE]``: its answer is not done."""
    return sse(error_body(error))


def of_choice(usage: Usage, index: int, n: int) -> Usage:
    """Return what choice `index`, one of `n` per prompt, adds to the usage: as with OpenAI the prompt counts once."""
    return usage if index % n == 0 else Usage(completion_tokens=usage.completion_tokens)


def collect(head: Head, shapes: Sequence[Shape[W, C]], answers: Answers, n: int, show: Show) -> Struct:
    """Return the whole response, with `n` choices per prompt.

    Blocks until the last answer is complete; raises what the events raise.
    """
    usage, choices = Usage(), []
    for index, (shape, events) in enumerate(zip(shapes, answers, strict=True)):
        answer = collected(events, show)
        usage += of_choice(answer.usage, index, n)
        choices.append(shape.whole(index, answer))
    return shapes[0].completion(head, choices, usage_of(usage))


def frames(head: Head, shapes: Sequence[Shape[W, C]], answers: Answers, n: int, include_usage: bool) -> Frames:
    """Yield server-sent events, with `n` choices per prompt, ending with ``[DONE]``."""
    total, usage = Usage(), None if include_usage else UNSET
    for index, (shape, events) in enumerate(zip(shapes, answers, strict=True)):
        opening = shape.opening(index)
        with closing(events):
            for event in events:
                if isinstance(event, Notice):
                    yield event
                    continue
                if isinstance(event, Waiting):
                    yield comment(event)
                    continue
                if opening is not None:
                    yield sse(shape.chunk(head, [opening], usage))
                    opening = None
                if isinstance(event, Done):
                    total += of_choice(event.usage, index, n)
                    yield sse(shape.chunk(head, [shape.ending(index, event)], usage))
                elif isinstance(event, Piece):
                    yield sse(shape.chunk(head, [shape.piece(index, event)], usage))
    if include_usage:
        yield sse(shapes[0].chunk(head, [], usage_of(total)))
    yield DONE
