"""Read the body of a request within its limits, and decode it into its type."""

from __future__ import annotations

import re
from typing import TypeVar

import falcon
import msgspec

from services.api.http.context import connection
from services.core.errors import BadRequest, PayloadTooLarge, RequestTimeout, ServiceError

T = TypeVar("T")

READ_SIZE = 256 * 1024
"""The most bytes of one read."""

DRAIN_FACTOR = 4
"""A body of up to so many times the limit is read and dropped, so that the client gets the answer and no reset."""

PATH = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
"""How msgspec names the field at fault, at the end of its message."""


def parse(req: falcon.Request, kind: type[T], limit: int, timeout: float, blank: bytes = b"") -> T:
    """Return the body as a `kind`, an empty one as if it were `blank`. Blocks for at most `timeout` seconds per read.

    Raises `PayloadTooLarge` over `limit` bytes, `RequestTimeout`, `BadRequest`. The timeout stays on the socket: an
    answer that its client does not read for so long is cancelled, and its slot is free.
    """
    sock = connection(req)
    if sock is not None:
        sock.settimeout(timeout)
    try:
        data = read_to_end(req, limit)
    except TimeoutError as error:
        raise RequestTimeout(
            f"The request's body did not arrive: nothing came for {timeout:g} s. Send it again."
        ) from error
    except ServiceError:
        raise
    except Exception as error:
        # The HTTP server parses chunks while they are read, and has exceptions of its own for broken ones.
        raise BadRequest(f"The request's body could not be read: {error}.") from error
    return decode_body(data or blank, kind)


def read_to_end(req: falcon.Request, limit: int) -> bytes:
    """Return the whole body. Blocks; raises `PayloadTooLarge` over `limit` bytes, and what the stream raises."""
    source = req.stream if req.env.get("wsgi.input_terminated") else req.bounded_stream
    chunks, size, most = [], 0, limit * DRAIN_FACTOR
    while size <= most:
        # Never ask for more than is needed: the HTTP server blocks until it has as many bytes as were asked for.
        data = source.read(min(READ_SIZE, most + 1 - size))
        if not data:
            break
        size += len(data)
        if size <= limit:
            chunks.append(data)
    if size > limit:
        raise PayloadTooLarge(
            f"The request's body is larger than {limit} bytes; send less, or raise max_body_bytes on the server."
        )
    return b"".join(chunks)


def decode_body(data: bytes, kind: type[T]) -> T:
    """Return `data` as a `kind`. Raises `BadRequest` that names the field at fault."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        text = str(error)
        found = PATH.search(text)
        param = found.group(1) if found else None
        raise BadRequest(f"{PATH.sub('', text)}{f' in {param!r}' if param else ''}.", param=param) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The request's body is no JSON: {error}.") from error
    # msgspec decodes by recursion, and stops at Python's limit.
    except RecursionError as error:
        raise BadRequest("The request's JSON is nested too deeply; send a flatter one.") from error
