"""Run an answer: to one object, or to one object a line."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from services.api.dialects.common.answer import Pieces, collected
from services.api.dialects.ollama.answers import AnswerHead, Shape, ended, whole_calls
from services.api.dialects.ollama.errors import error_body
from services.api.dialects.ollama.schemas import AnswerObject
from services.api.http.notices import Show
from services.api.http.stream import Frames, encode_json
from services.core.errors import ServiceError
from services.core.events import Done, Event, Notice, Reasoning, Text, ToolCallDelta, Waiting, closing

NDJSON = "application/x-ndjson"

HEARTBEAT = b" "
"""Sent while there is nothing to say: JSON may begin with spaces, so it is a part of the next line and no line itself.

An empty line is broken JSON to the `ollama` package, and Open WebUI makes an end (``stop``) of a piece without text.
"""


def line(payload: Struct) -> bytes:
    """Return one line of a stream. JSON has no raw line ends, so one line always holds it."""
    return encode_json(payload) + b"\n"


def tell_error(error: ServiceError) -> bytes:
    """Return the last line of a stream that an error ends. No line has ``done`` then."""
    return line(error_body(error))


def collect(head: AnswerHead, shape: Shape, events: Iterator[Event], show: Show) -> AnswerObject:
    """Return the whole response. Blocks until the answer is complete; raises what the events raise."""
    answer = collected(events, show)
    whole = shape.part(head, answer.text, answer.reasoning, whole_calls(answer.calls), answer.logprobs)
    return ended(whole, head, answer.finish_reason, answer.usage, answer.timings)


def frames(head: AnswerHead, shape: Shape, events: Iterator[Event]) -> Frames:
    """Yield one object a line, the last with ``done``.

    Calls are sent whole, at the end: Ollama's clients know no pieces of them.
    """
    pieces = Pieces()
    with closing(events):
        for event in events:
            match event:
                case Notice():
                    yield event
                case Waiting():
                    yield HEARTBEAT
                case ToolCallDelta():
                    pieces.add(event)
                    yield HEARTBEAT
                case Text():
                    yield line(shape.part(head, event.text, logprobs=event.logprobs))
                case Reasoning():
                    yield line(shape.part(head, reasoning=event.text))
                case Done():
                    pieces.add(event)
                    if calls := pieces.answer().calls:
                        yield line(shape.part(head, calls=whole_calls(calls)))
                    yield line(ended(shape.part(head), head, event.finish_reason, event.usage, event.timings))
