"""Write the stream of OpenAI's completions: chunks as server-sent events, up to ``[DONE]``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import UNSET

from services.api.dialects.common.errors import error_body
from services.api.dialects.openai.answers import (
    CompletionHead,
    Shape,
    usage_of,
    usage_of_choice,
    with_head,
)
from services.api.dialects.openai.progress import Comments
from services.api.http.stream import Frames, sse
from services.core.errors import ServiceError
from services.core.events import Done, Event, Notice, Piece, Usage, Waiting, closing

LAST_FRAME = b"data: [DONE]\n\n"


def frames(
    head: CompletionHead,
    shapes: Sequence[Shape],
    answers: Iterator[Iterator[Event]],
    n: int,
    include_usage: bool,
    progress: Comments,
) -> Frames:
    """Yield server-sent events up to ``[DONE]``, the choices one after the other, `n` of them per prompt.

    `progress` says what is waited for.

    Blocks as `answers` do, and raises the same; closing it closes the answer that runs.
    """
    # As with OpenAI: where the usage is asked for, every chunk but the last has it as null.
    total, usage = Usage(), None if include_usage else UNSET
    for index, (shape, events) in enumerate(zip(shapes, answers, strict=True)):
        opening = shape.opening(index)
        with closing(events):
            for event in events:
                if isinstance(event, Notice):
                    progress.notice(event)
                    yield event
                    continue
                if isinstance(event, Waiting):
                    yield progress.waiting(event)
                    continue
                if said := progress.end():
                    yield said
                if opening is not None:
                    yield sse(with_head(shape.chunk, head, [opening], usage))
                    opening = None
                if isinstance(event, Done):
                    total += usage_of_choice(event.usage, index, n)
                    yield sse(with_head(shape.chunk, head, [shape.ending(index, event)], usage))
                elif isinstance(event, Piece):
                    yield sse(with_head(shape.chunk, head, [shape.piece(index, event)], usage))
    if include_usage:
        # OpenAI sends the usage in a chunk of its own, with no choice.
        yield sse(with_head(shapes[0].chunk, head, [], usage_of(total)))
    yield LAST_FRAME


def error_frame(progress: Comments, error: ServiceError) -> bytes:
    """Return the end of a stream that an error ends. No ``[DONE]`` follows: the answer is not complete."""
    return progress.end() + sse(error_body(error))
