"""From events to bytes on the wire, and the moment at which a status is still possible."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator, Iterator
from typing import Any

import falcon
import msgspec

from services.core.errors import ClientGone, InternalError, ServiceError
from services.core.events import Done, Event, Waiting, closing
from services.core.trace import Trace

log = logging.getLogger(__name__)

encode_json = msgspec.json.Encoder().encode

DONE = b"data: [DONE]\n\n"


def write_json(resp: falcon.Response, payload: Any) -> None:
    """The one way a JSON body is written."""
    resp.content_type = falcon.MEDIA_JSON
    resp.data = encode_json(payload)


def write_stream(resp: falcon.Response, content_type: str, source: Primed) -> None:
    """The one way a stream is written; nothing on its way to the client shall keep or gather it."""
    resp.content_type = content_type
    resp.set_header("Cache-Control", "no-cache")
    resp.set_header("X-Accel-Buffering", "no")
    resp.stream = source


def sse(payload: Any) -> bytes:
    """One server-sent event. JSON has no raw line ends, so one ``data:`` line always holds it."""
    return b"data: " + encode_json(payload) + b"\n\n"


def named_sse(name: str, payload: Any) -> bytes:
    """The same with a name, for clients that listen by names."""
    return b"event: " + name.encode() + b"\n" + sse(payload)


def comment(event: Waiting) -> bytes:
    """An SSE comment: clients skip it, proxies see traffic, a person with curl sees why it takes time."""
    return f": {describe(event)}\n\n".encode()


def describe(event: Waiting) -> str:
    """``queued position=2``, ``loading``, ``prefill 37%``, ``retry tool_choice``."""
    if event.phase == "queued":
        return f"queued position={event.position}"
    if event.phase == "retry":
        return f"retry {event.reason}"
    return event.phase if event.progress is None else f"{event.phase} {event.progress:.0%}"


class Primed:
    """An iterator that has produced its first item, so whatever can fail before it has failed already.

    It owns its source: closing it closes the source even when no further item was ever asked for, which a generator
    wrapped around it, never started, would not do.
    """

    def __init__(self, source: Generator[bytes], first: bytes) -> None:
        self._source = source
        self._first: bytes | None = first

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            return next(self._source)
        except ClientGone:
            raise StopIteration from None

    def close(self) -> None:
        self._source.close()


def primed(source: Generator[bytes]) -> Primed:
    """Run `source` to its first item. Blocks; raises what the source raises."""
    return Primed(source, next(source))


def guarded(source: Generator[bytes], tell: Callable[[ServiceError], bytes]) -> Generator[bytes]:
    """The same bytes; an error after the first of them becomes what `tell` makes of it, and the stream's end.

    An error before that is raised, so that it can still be a status.
    """
    started = False
    try:
        with contextlib.closing(source):
            for data in source:
                started = True
                yield data
    except ClientGone:
        raise
    except Exception as error:
        if not started:
            raise
        if not isinstance(error, ServiceError):
            log.exception("A stream broke off")
        yield tell(error if isinstance(error, ServiceError) else InternalError())


def observed(events: Iterator[Event], first: Callable[[Event], None], trace: Trace) -> Iterator[Event]:
    """The same events; `first` is told the first one, while headers can still be set, and `trace` how it ended."""
    with closing(events):
        for index, event in enumerate(events):
            if index == 0:
                first(event)
            if isinstance(event, Done):
                trace.outcome = event.finish_reason
            yield event
