"""Answer every error of every path with one JSON body, in the shape of the path's dialect."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from typing import Any

import falcon
import msgspec

from services.api.http.stream import write_json
from services.core.descriptors import EXHAUSTED
from services.core.errors import (
    BadRequest,
    ClientGone,
    InternalError,
    MethodNotAllowed,
    NotFound,
    QueueFull,
    ServiceError,
)

log = logging.getLogger(__name__)

NO_ROOM = EXHAUSTED | {errno.ENOMEM, errno.ENOBUFS}
"""Numbers of the errors that say that too many requests run for this machine, and nothing of the request."""

ErrorBody = Callable[[ServiceError], msgspec.Struct]
"""Returns the body of an error in the shape of a dialect."""


class ErrorHandlers:
    """Falcon's error handlers. Falcon picks the handler of the most specific class."""

    def __init__(self, body_of: Callable[[str], ErrorBody]) -> None:
        """Take `body_of`, which returns the `ErrorBody` of a path."""
        self._body_of = body_of

    def install(self, app: falcon.App[Any, Any]) -> None:
        """Make `app` answer all errors in the shapes of the dialects."""
        app.add_error_handler(Exception, self.on_bug)
        app.add_error_handler(falcon.HTTPError, self.on_http_error)
        app.add_error_handler(ServiceError, self.on_service_error)
        app.add_error_handler(ClientGone, self.on_client_gone)

    def on_service_error(
        self, req: falcon.Request, resp: falcon.Response, error: ServiceError, params: dict[str, Any]
    ) -> None:
        """Answer with the status, the headers and the message of `error`; log those that are the server's fault."""
        # The access log has the status of every error; the cause of these is in the message alone.
        if error.status >= 500:
            log.warning("%s answered %d: %s", req.context.id, error.status, error.message)
        resp.status = error.status
        if error.status == 401:
            # HTTP demands the header with this status (RFC 9110).
            resp.set_header("WWW-Authenticate", "Bearer")
        if error.retry_after is not None:
            resp.set_header("Retry-After", str(error.retry_after))
        self._write(req, resp, error)

    def on_http_error(
        self, req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, params: dict[str, Any]
    ) -> None:
        """Answer Falcon's own errors, such as an unknown path or a method that a path does not take."""
        status = falcon.http_status_to_code(error.status)
        # Falcon sends what HTTP demands, such as Allow with a 405.
        for name, value in dict(error.headers or {}).items():
            resp.set_header(name, value)
        resp.status = status
        message = {
            404: f"There is no path {req.path!r}; docs/api.md lists all paths. Chats are at /v1/chat/completions.",
            405: f"{req.path!r} does not take the method {req.method}; docs/api.md lists the methods of each path.",
        }.get(status, error.description or error.title or str(error.status))
        kind = {404: NotFound, 405: MethodNotAllowed}.get(status, BadRequest)
        self._write(req, resp, kind(message))

    def on_client_gone(
        self, req: falcon.Request, resp: falcon.Response, error: ClientGone, params: dict[str, Any]
    ) -> None:
        """Set the status 499, which access logs know for a client that left; nobody reads the body."""
        resp.status = 499
        self._write(req, resp, BadRequest("The client closed the connection."))

    def on_bug(self, req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]) -> None:
        """Answer 500, and log the traceback; or 503 where the machine has no room for one more request."""
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            full = QueueFull(f"The server has no room for this request: {error.strerror}. Send it again later.")
            return self.on_service_error(req, resp, full, params)
        log.error("%s %s %s failed", req.context.id, req.method, req.path, exc_info=error)
        resp.status = 500
        return self._write(req, resp, InternalError())

    def _write(self, req: falcon.Request, resp: falcon.Response, error: ServiceError) -> None:
        write_json(resp, self._body_of(req.path)(error))
