"""Every error of every path as one JSON body in the shape of the path's dialect."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import falcon

from services.api.http.stream import write_json
from services.core.errors import BadRequest, ClientGone, InternalError, MethodNotAllowed, NotFound, ServiceError

log = logging.getLogger(__name__)

ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
"""Anthropic's names by status; other errors of the client are ``invalid_request_error``, of ours ``api_error``."""


def body(error: ServiceError) -> dict[str, Any]:
    """``{"error": {...}}`` as OpenAI clients parse it."""
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}


def ollama_body(error: ServiceError) -> dict[str, Any]:
    return {"error": error.message}


def anthropic_body(error: ServiceError) -> dict[str, Any]:
    kind = ANTHROPIC_TYPES.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": error.message}}


Shape = Callable[[ServiceError], dict[str, Any]]

DIALECTS: tuple[tuple[str, Shape], ...] = (
    ("/api/", ollama_body),
    ("/v1/messages", anthropic_body),
    ("/messages", anthropic_body),
)
"""How a path begins, and the shape of its errors; all others have OpenAI's."""


def shape_of(path: str) -> Shape:
    """How the errors of a path look."""
    return next((shape for prefix, shape in DIALECTS if path.startswith(prefix)), body)


def write(req: falcon.Request, resp: falcon.Response, error: ServiceError) -> None:
    """The body of `error`, in the dialect of the request's path."""
    write_json(resp, shape_of(req.path)(error))


def install(app: falcon.App[Any, Any]) -> None:
    """Make `app` answer all errors in our shapes. Falcon picks the handler of the most specific class."""
    app.add_error_handler(Exception, on_bug)
    app.add_error_handler(falcon.HTTPError, on_http_error)
    app.add_error_handler(ServiceError, on_service_error)
    app.add_error_handler(ClientGone, on_client_gone)


def on_service_error(req: falcon.Request, resp: falcon.Response, error: ServiceError, params: dict[str, Any]) -> None:
    if error.status >= 500:
        log.warning("%s answered %d: %s", req.context.id, error.status, error.message)
    resp.status = error.status
    if error.status == 401:
        resp.set_header("WWW-Authenticate", "Bearer")
    if error.retry_after is not None:
        resp.set_header("Retry-After", str(error.retry_after))
    write(req, resp, error)


def on_http_error(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, params: dict[str, Any]) -> None:
    """Falcon's own errors: unknown path, wrong method."""
    status = falcon.http_status_to_code(error.status)
    for name, value in dict(error.headers or {}).items():
        resp.set_header(name, value)
    resp.status = status
    message = {
        404: f"There is no {req.path!r} here. docs/api.md lists all paths; the chat is at /v1/chat/completions.",
        405: f"{req.path!r} does not take {req.method}.",
    }.get(status, error.description or error.title or str(error.status))
    kind = {404: NotFound, 405: MethodNotAllowed}.get(status, BadRequest)
    write(req, resp, kind(message))


def on_client_gone(req: falcon.Request, resp: falcon.Response, error: ClientGone, params: dict[str, Any]) -> None:
    """Nobody reads this; 499 is what access logs call a client that left."""
    resp.status = 499
    write(req, resp, BadRequest("The client closed the connection."))


def on_bug(req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]) -> None:
    log.error("%s %s %s failed", req.context.id, req.method, req.path, exc_info=error)
    resp.status = 500
    write(req, resp, InternalError())
