"""A request's body: read within its limits, decoded into its type."""

from __future__ import annotations

import re
from typing import TypeVar

import falcon
import msgspec

from services.api.http.context import connection
from services.core.errors import BadRequest, PayloadTooLarge, RequestTimeout, ServiceError

T = TypeVar("T")

READ_SIZE = 256 * 1024
"""Bytes per read."""

DRAIN_FACTOR = 4
"""A body of up to this many times the limit is read and dropped, so that the client sees the answer and no reset."""

PATH = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
"""Where msgspec says what is wrong."""


def parse(req: falcon.Request, kind: type[T], limit: int, timeout: float, blank: bytes = b"") -> T:
    """The body as a `kind`, an empty one as if it were `blank`. Blocks for at most `timeout` seconds per read.

    Raises `PayloadTooLarge` over `limit` bytes, `RequestTimeout`, `BadRequest`. The timeout stays on the socket: a
    client that stops reading its answer for as long loses it, and with it the accelerator.
    """
    sock = connection(req)
    if sock is not None:
        sock.settimeout(timeout)
    try:
        data = read(req, limit)
    except TimeoutError as error:
        raise RequestTimeout(f"The request's body did not arrive: nothing came for {timeout:g} s.") from error
    except ServiceError:
        raise
    except Exception as error:
        # The HTTP server parses chunks while they are read, and has exceptions of its own for broken ones.
        raise BadRequest(f"The request's body could not be read: {error}.") from error
    return decode(data or blank, kind)


def read(req: falcon.Request, limit: int) -> bytes:
    """The whole body. Raises `PayloadTooLarge` and `TimeoutError`."""
    source = req.stream if req.env.get("wsgi.input_terminated") else req.bounded_stream
    chunks, size, most = [], 0, limit * DRAIN_FACTOR
    while size <= most:
        # Never ask for more than it takes to know: the HTTP server blocks until it has all that was asked for.
        data = source.read(min(READ_SIZE, most + 1 - size))
        if not data:
            break
        size += len(data)
        if size <= limit:
            chunks.append(data)
    if size > limit:
        raise PayloadTooLarge(f"The request's body is larger than the {limit} bytes this server takes.")
    return b"".join(chunks)


def decode(data: bytes, kind: type[T]) -> T:
    """Raises `BadRequest` that names the field."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        text = str(error)
        found = PATH.search(text)
        param = found.group(1) if found else None
        raise BadRequest(f"{PATH.sub('', text)}{f' in {param!r}' if param else ''}.", param=param) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The request's body is no JSON: {error}.") from error
    except RecursionError as error:
        raise BadRequest("The request's JSON is nested too deeply.") from error
