"""Read the bodies of requests within their limits: the bytes of one, the bytes of all together, and the time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

import falcon

from services.api.http.connection import LEAST_RATE, READ_SIZE
from services.api.http.decode import decode_body
from services.api.http.endpoint import Endpoint
from services.api.http.notices import warn
from services.core.errors import BadRequest, BodiesFull, PayloadTooLarge, RequestTimeout, ServiceError
from services.core.settings import Settings

T = TypeVar("T")

MOST_AT_ONCE = 4
"""How many bodies of the largest size may be in memory at once: as many uploads at full size, or many smaller ones."""


def check_encoding(req: falcon.Request) -> None:
    """Check that the body is not compressed: its size would say nothing of its cost. Raises `BadRequest`."""
    encoding = req.get_header("Content-Encoding") or "identity"
    if encoding.strip().lower() != "identity":
        raise BadRequest(
            f"The request's body has the Content-Encoding {encoding[:40]!r}; the server takes none. Send it as it is."
        )


class Room:
    """The memory for bodies that arrive. Thread-safe, and never blocks."""

    def __init__(self, size: int) -> None:
        """Take the most bytes of all bodies together."""
        self._free, self._lock = size, threading.Lock()

    def take(self, count: int) -> None:
        """Take `count` bytes. Raises `BodiesFull`."""
        with self._lock:
            if count > self._free:
                raise BodiesFull("The server receives too many large requests at once. Please retry in a moment.")
            self._free -= count

    def give_back(self, count: int) -> None:
        """Give `count` bytes back."""
        with self._lock:
            self._free += count


class Bodies:
    """Middleware that puts itself into the context of each request, where resources find it to read their bodies."""

    def __init__(self, endpoints: Iterable[Endpoint], settings: Settings) -> None:
        """Take the limits of the operations of `endpoints`."""
        self._largest, self._timeout = settings.max_body_bytes, settings.client_timeout
        self._room = Room(MOST_AT_ONCE * settings.max_body_bytes)
        self._limits = {
            (operation.method.upper(), path): operation.max_bytes or self._largest
            for endpoint in endpoints
            for operation in endpoint.operations
            for path in endpoint.paths
        }

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Put this object into the context of the request."""
        req.context.bodies = self

    def parse(self, req: falcon.Request, kind: type[T], blank: bytes = b"") -> T:
        """Return the body as a `kind`, an empty one as if it were `blank`. Blocks while the body arrives.

        Raises `PayloadTooLarge`, before anything is read where the length is announced; `BodiesFull`,
        `RequestTimeout`, `BadRequest`.
        """
        check_encoding(req)
        data = bytearray()
        taken = 0
        try:
            for size in self._reads(req, data):
                # What fits one read is always taken, so large uploads never keep small requests out.
                if data:
                    self._room.take(size)
                    taken += size
            return decode_body(data or blank, kind, partial(warn, req))
        finally:
            self._room.give_back(taken)

    def _reads(self, req: falcon.Request, data: bytearray) -> Iterator[int]:
        """Read the body into `data`; yield the size of each read before it. Blocks; raises as `parse` does."""
        limit = min(self._largest, self._limits[req.method, req.uri_template or ""])
        announced = req.content_length
        if (announced or 0) > limit:
            raise self._too_large(limit)
        # One byte more than the limit tells whether the body goes on.
        while size := min(READ_SIZE, (limit + 1 if announced is None else announced) - len(data)):
            yield size
            more = self._read(req, size)
            if not more:
                break
            data += more
        if len(data) > limit:
            raise self._too_large(limit)

    def _read(self, req: falcon.Request, size: int) -> bytes:
        source: Any = req.stream if req.env.get("wsgi.input_terminated") else req.bounded_stream
        try:
            found: bytes = source.read(size)
        except TimeoutError as error:
            raise RequestTimeout(
                f"The request's body did not arrive in time. It may pause for {self._timeout:g} s, and must bring "
                f"{LEAST_RATE} bytes per second after that. Send it again."
            ) from error
        except Exception as error:
            # The HTTP server parses chunks while they are read, and has exceptions of its own for broken ones.
            raise BadRequest(f"The request's body could not be read: {error}.") from error
        return found

    def _too_large(self, limit: int) -> ServiceError:
        raised = ", or raise max_body_bytes on the server" if limit == self._largest else ""
        return PayloadTooLarge(f"The request's body is larger than the {limit} bytes of this path; send less{raised}.")
