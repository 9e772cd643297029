"""Write responses: JSON as a whole, and streams, whose first bytes exist before the status is sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from typing import Any

import falcon
import msgspec

from services.api.http.notices import show
from services.core.errors import ClientGone, InternalError, ServiceError
from services.core.events import Notice, Waiting

log = logging.getLogger(__name__)

encode_json = msgspec.json.Encoder().encode

EVENT_STREAM = "text/event-stream"

Frames = Generator[bytes | Notice]
"""What a dialect makes of events: bytes for the body, and the notices as they came."""

TellError = Callable[[ServiceError], bytes]
"""Writes an error as the last bytes of a stream."""


def write_json(resp: falcon.Response, payload: Any) -> None:
    """Write `payload`, a struct or what else msgspec encodes, as the body."""
    resp.content_type = falcon.MEDIA_JSON
    resp.data = encode_json(payload)


def write_stream(resp: falcon.Response, content_type: str, frames: Frames, tell_error: TellError) -> None:
    """Write `frames` as the body; blocks until its first bytes are there, and raises what `frames` raises before them.

    So whatever fails before the first byte becomes a real status, and the notices before it become headers.
    """
    resp.stream = ByteStream(frames, tell_error, resp)
    resp.content_type = content_type
    # Nothing on the way to the client shall keep or gather the stream.
    resp.set_header("Cache-Control", "no-cache")
    resp.set_header("X-Accel-Buffering", "no")


def sse(payload: Any) -> bytes:
    """Return one server-sent event. JSON has no raw line ends, so one ``data:`` line always holds it."""
    return b"data: " + encode_json(payload) + b"\n\n"


def named_sse(name: str, payload: Any) -> bytes:
    """Return one server-sent event with a name, for clients that listen by names."""
    return b"event: " + name.encode() + b"\n" + sse(payload)


def comment(event: Waiting) -> bytes:
    """Return an SSE comment: clients skip it, proxies see traffic, a person with curl sees why it takes time."""
    return f": {event}\n\n".encode()


class ByteStream:
    """The body of a streamed response. It owns its frames: closing it closes them, in whatever phase they are.

    It has its first bytes from the start: closing a generator that never ran would run none of its ``finally`` blocks.
    """

    def __init__(self, frames: Frames, tell_error: TellError, resp: falcon.Response) -> None:
        """Run `frames` to the first bytes; blocks and raises as they do. Notices become headers of `resp`."""
        self._frames, self._tell_error = frames, tell_error
        self._first: bytes | None = first_bytes(frames, resp)
        self.on_close: Callable[[], None] = lambda: None
        """Called once, when the last byte is sent or the client has left."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return the next bytes; an error becomes what the dialect makes of it, and the end of the stream."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            for frame in self._frames:
                if isinstance(frame, bytes):
                    return frame
        except ClientGone:
            pass
        except ServiceError as error:
            return self._tell_error(error)
        except Exception:
            log.exception("A stream broke off")
            return self._tell_error(InternalError())
        raise StopIteration

    def close(self) -> None:
        """Close the frames, which cancels what runs. The server always calls this."""
        self._frames.close()
        on_close, self.on_close = self.on_close, lambda: None
        on_close()


def first_bytes(frames: Frames, resp: falcon.Response) -> bytes:
    """Return the first bytes, and show the notices before them in the headers of `resp`."""
    for frame in frames:
        if isinstance(frame, bytes):
            return frame
        show(resp, frame)
    return b""
