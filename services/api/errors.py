"""Every error of every path as one JSON body in OpenAI's shape."""

from __future__ import annotations

import logging
from typing import Any

import falcon

from services.api.stream import write_json
from services.core.errors import ClientGone, ServiceError

log = logging.getLogger(__name__)

INTERNAL = "Something went wrong inside the server; its log says what. The server goes on."


def body(error: ServiceError) -> dict[str, Any]:
    """``{"error": {...}}`` as OpenAI clients parse it."""
    return error_body(error.message, error.type, error.code, error.param)


def error_body(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def internal_body() -> dict[str, Any]:
    return error_body(INTERNAL, "server_error", "internal_error")


def install(app: falcon.App[Any, Any]) -> None:
    """Make `app` answer all errors in our shape. Falcon picks the handler of the most specific class."""
    app.add_error_handler(Exception, on_bug)
    app.add_error_handler(falcon.HTTPError, on_http_error)
    app.add_error_handler(ServiceError, on_service_error)
    app.add_error_handler(ClientGone, on_client_gone)


def on_service_error(req: falcon.Request, resp: falcon.Response, error: ServiceError, params: dict[str, Any]) -> None:
    if error.status >= 500:
        log.warning("%s answered %d: %s", req.context.id, error.status, error.message)
    resp.status = error.status
    if error.retry_after is not None:
        resp.set_header("Retry-After", str(error.retry_after))
    write_json(resp, body(error))


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
    code = {404: "not_found", 405: "method_not_allowed"}.get(status)
    write_json(resp, error_body(message, "invalid_request_error", code))


def on_client_gone(req: falcon.Request, resp: falcon.Response, error: ClientGone, params: dict[str, Any]) -> None:
    """Nobody reads this; 499 is what access logs call a client that left."""
    resp.status = 499
    write_json(resp, error_body("The client closed the connection.", "client_gone", None))


def on_bug(req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]) -> None:
    log.error("%s %s %s failed", req.context.id, req.method, req.path, exc_info=error)
    resp.status = 500
    write_json(resp, internal_body())
