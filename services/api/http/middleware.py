"""What happens to every request: an id at its beginning, a line in the log and a count at its end."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any

import falcon

from services.api.http.stream import ByteStream
from services.core.metrics import Metrics
from services.core.trace import Trace

log = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""Ids that may go into a header and a log line as they are; any other gets a new one."""

PLAIN = re.compile(r"[\w./:+-]+", re.ASCII)
"""Values that need no quotes in a log line."""

PATH_LENGTH = 200
"""Characters of a path that the log shows."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

PROBES = frozenset({"/", "/health", "/v1/health", "/ready", "/v1/ready", "/metrics"})
"""Asked every few seconds by machines; where they succeed they are logged at DEBUG, so that the log stays readable."""


class RequestId:
    """``X-Request-Id`` in, or a new one; the same out. The request's trace begins."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        given = req.get_header("X-Request-Id") or ""
        req.context.id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex[:24]
        req.context.trace = Trace(req.context.id)
        resp.set_header("X-Request-Id", req.context.id)

    def process_resource(self, req: falcon.Request, resp: falcon.Response, resource: Any, params: Any) -> None:
        req.context.trace.endpoint = req.uri_template or ""


class AccessLog:
    """One line when a request is over: for a stream, when its last byte is sent or its client has left."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: Any, succeeded: bool) -> None:
        status = resp.status_code
        if not isinstance(resp.stream, ByteStream):
            self._end(req, status)
        else:
            resp.stream.on_close = lambda: self._end(req, status)

    def _end(self, req: falcon.Request, status: int) -> None:
        trace: Trace = req.context.trace
        fields = trace.end(status)
        self._count(req.method, status, trace)
        head = {"id": trace.id, "method": req.method, "path": req.path[:PATH_LENGTH], "status": status}
        # Refused keys come by the hundred when somebody tries them; the guard sums them up.
        quiet = status == 401 or (trace.endpoint in PROBES and status < 400)
        log.log(logging.DEBUG if quiet else logging.INFO, "%s", line({**head, **fields}))

    def _count(self, method: str, status: int, trace: Trace) -> None:
        method = method if method in METHODS else "other"
        self._metrics.http_requests.labels(trace.endpoint or "none", method, str(status)).inc()
        if trace.model:
            self._metrics.requests.labels(trace.endpoint, trace.model, trace.outcome, str(status)).inc()


def line(fields: Mapping[str, object]) -> str:
    """``key=value`` pairs; a value that could be mistaken for several, or for a second line, is quoted as in JSON."""
    return " ".join(f"{key}={quoted(str(value))}" for key, value in fields.items())


def quoted(value: str) -> str:
    return value if PLAIN.fullmatch(value) else json.dumps(value)
