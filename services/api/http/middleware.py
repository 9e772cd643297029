"""Give every request an id at its beginning, and a log line and a count at its end."""

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
"""Ids that are safe in a header and in a log line; any other is replaced by a new one."""

PLAIN = re.compile(r"[\w./:+-]+", re.ASCII)
"""Values that need no quotes in a log line."""

PATH_LENGTH = 200
"""The most characters of a path in the log."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are counted by their name; all others are counted together."""

PROBES = frozenset({"/", "/health", "/v1/health", "/ready", "/v1/ready", "/metrics"})
"""Paths that machines ask every few seconds; a success is logged at DEBUG, so that the log stays readable."""


class RequestId:
    """Middleware that takes ``X-Request-Id`` from the request or makes one, and begins the trace of the request."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Set the id and the trace of the request, and send the id back."""
        given = req.get_header("X-Request-Id") or ""
        req.context.id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex[:24]
        req.context.trace = Trace(req.context.id)
        resp.set_header("X-Request-Id", req.context.id)

    def process_resource(self, req: falcon.Request, resp: falcon.Response, resource: Any, params: Any) -> None:
        """Note the route that matched."""
        req.context.trace.endpoint = req.uri_template or ""


class AccessLog:
    """Middleware that logs and counts a request once, when it is over.

    A stream is over when its last byte is sent or its client has left.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: Any, succeeded: bool) -> None:
        """Log and count the request now, or at the end of its stream."""
        status = resp.status_code
        if not isinstance(resp.stream, ByteStream):
            self._end(req, status)
        else:
            # A stream has only begun here; its outcome and its counts are known at its end.
            resp.stream.on_close = lambda: self._end(req, status)

    def _end(self, req: falcon.Request, status: int) -> None:
        trace: Trace = req.context.trace
        fields = trace.end(status)
        self._count(req.method, status, trace)
        head = {"id": trace.id, "method": req.method, "path": req.path[:PATH_LENGTH], "status": status}
        # Whoever guesses keys sends hundreds of them; `auth.Refusals` logs them together.
        quiet = status == 401 or (trace.endpoint in PROBES and status < 400)
        log.log(logging.DEBUG if quiet else logging.INFO, "%s", log_line({**head, **fields}))

    def _count(self, method: str, status: int, trace: Trace) -> None:
        # The method is the client's text, and labels must come from a closed set.
        method = method if method in METHODS else "other"
        self._metrics.http_requests.labels(trace.endpoint or "none", method, str(status)).inc()
        if trace.model:
            self._metrics.requests.labels(trace.endpoint, trace.model, trace.outcome, str(status)).inc()


def log_line(fields: Mapping[str, object]) -> str:
    """Return ``key=value`` pairs, with all values quoted that could be read as several, or as a second line."""
    return " ".join(f"{key}={quoted(str(value))}" for key, value in fields.items())


def quoted(value: str) -> str:
    """Return `value`, as a JSON string unless it is plain."""
    return value if PLAIN.fullmatch(value) else json.dumps(value)
