"""Write responses: whole ones as JSON, and streams, whose first bytes exist before the status is sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from typing import Any

import falcon
import msgspec

from services.api.http.notices import show_notice
from services.core.errors import ClientGone, InternalError, ServiceError
from services.core.events import Notice, Waiting

log = logging.getLogger(__name__)

encode_json = msgspec.json.Encoder().encode

EVENT_STREAM = "text/event-stream"

Frames = Generator[bytes | Notice]
"""What a dialect makes of the events of an answer: bytes for the body, and the notices unchanged."""

ErrorFrame = Callable[[ServiceError], bytes]
"""Returns the last bytes of a stream that an error ends."""


def write_json(resp: falcon.Response, payload: Any) -> None:
    """Set the body to `payload`, a struct or whatever else msgspec encodes, as JSON."""
    resp.content_type = falcon.MEDIA_JSON
    resp.data = encode_json(payload)


def write_stream(resp: falcon.Response, content_type: str, frames: Frames, error_frame: ErrorFrame) -> None:
    """Set the body to `frames`; block until its first bytes are there, and raise what `frames` raises before them.

    So a failure before the first byte becomes a status, and the notices before it become headers. A failure after it
    ends the stream with what `error_frame` returns.
    """
    resp.stream = ByteStream(frames, error_frame, resp)
    resp.content_type = content_type
    # No proxy on the way to the client may hold the stream back.
    resp.set_header("X-Accel-Buffering", "no")


def sse(payload: Any) -> bytes:
    """Return one server-sent event. JSON has no raw line ends, so it fits one ``data:`` line."""
    return b"data: " + encode_json(payload) + b"\n\n"


def tagged_sse(payload: msgspec.Struct) -> bytes:
    """Return one server-sent event, named by the tag of `payload`, for clients that listen for names."""
    return b"event: " + str(payload.__struct_config__.tag).encode() + b"\n" + sse(payload)


def comment(event: Waiting) -> bytes:
    """Return an SSE comment: clients skip it, proxies see traffic, people with curl see what the request waits for.

    No empty line follows: decoders in the field take that for the end of an event, and fail at one without data.
    """
    return f": {event}\n".encode()


class ByteStream:
    """The body of a streamed response. It owns its frames: closing it closes them.

    The frames have run to their first bytes before there is a body: closing a generator that never ran would run none
    of its ``finally`` blocks, and so cancel nothing.
    """

    def __init__(self, frames: Frames, error_frame: ErrorFrame, resp: falcon.Response) -> None:
        """Run `frames` to their first bytes; block and raise as they do. Notices before become headers of `resp`."""
        self._frames, self._error_frame = frames, error_frame
        self._first: bytes | None = first_bytes(frames, resp)
        self.on_close: Callable[[], None] = lambda: None
        """Called once, when the last byte is sent or the client has left."""

    def __iter__(self) -> Iterator[bytes]:
        """Return the body itself."""
        return self

    def __next__(self) -> bytes:
        """Return the next bytes, and block until they are there. An error becomes the last bytes."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            for frame in self._frames:
                if isinstance(frame, bytes):
                    return frame
        # Nobody reads an error here: the client has left.
        except ClientGone:
            pass
        # The status was sent with the first bytes, so the error can only be the last bytes.
        except ServiceError as error:
            return self._error_frame(error)
        except Exception:
            log.exception("A stream broke off")
            return self._error_frame(InternalError())
        raise StopIteration

    def close(self) -> None:
        """Close the frames, which cancels what runs, and call `on_close` once. The server always calls this."""
        on_close, self.on_close = self.on_close, lambda: None
        try:
            self._frames.close()
        finally:
            on_close()


def first_bytes(frames: Frames, resp: falcon.Response) -> bytes:
    """Return the first bytes of `frames`, empty for none, and show the notices before them in the headers of `resp`."""
    for frame in frames:
        if isinstance(frame, bytes):
            return frame
        show_notice(resp, frame)
    return b""
