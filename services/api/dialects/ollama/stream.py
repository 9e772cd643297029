"""Write the stream of Ollama's API: one JSON object per line, the last with ``done``."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from services.api.dialects.common.answer import AnswerCollector
from services.api.dialects.ollama.answers import AnswerHead, OllamaShape, ended, whole_calls
from services.api.dialects.ollama.errors import error_body
from services.api.http.stream import Frames, encode_json
from services.core.errors import ServiceError
from services.core.events import Done, Event, Notice, Reasoning, Text, ToolCallDelta, Waiting, closing

NDJSON = "application/x-ndjson"

HEARTBEAT = b" "
"""Sent while nothing else flows. JSON may begin with spaces, so the space is a part of the next line.

The `ollama` package cannot read an empty line, and Open WebUI takes an object without text for the end (``stop``).
"""


def frames(head: AnswerHead, shape: OllamaShape, events: Iterator[Event]) -> Frames:
    """Yield one object per line, the last with ``done``.

    Calls are sent whole, at the end: Ollama's clients know no pieces of them. Blocks as `events` do, and raises the
    same; closing it closes `events`.
    """
    collector = AnswerCollector()
    with closing(events):
        for event in events:
            match event:
                case Notice():
                    yield event
                case Waiting():
                    yield HEARTBEAT
                case ToolCallDelta():
                    collector.add(event)
                    yield HEARTBEAT
                case Text():
                    yield line(shape.part(head, event.text, logprobs=event.logprobs))
                case Reasoning():
                    yield line(shape.part(head, reasoning=event.text))
                case Done():
                    collector.add(event)
                    # They go before the last line: clients read no message from that one.
                    if calls := collector.answer().calls:
                        yield line(shape.part(head, calls=whole_calls(calls)))
                    yield line(ended(shape.part(head), head, event.finish_reason, event.usage, event.timings))


def line(payload: Struct) -> bytes:
    """Return one line of a stream. JSON has no raw line ends, so it fits one line."""
    return encode_json(payload) + b"\n"


def error_frame(error: ServiceError) -> bytes:
    """Return the last line of a stream that an error ends. No line has ``done`` then."""
    return line(error_body(error))
