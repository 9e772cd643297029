"""What happens to every request: an id, and a line in the log."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Any

import falcon

log = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""Ids that may go into a header and a log line as they are; any other gets a new one."""


class RequestId:
    """``X-Request-Id`` in, or a new one; the same out."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        given = req.get_header("X-Request-Id") or ""
        req.context.id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex[:24]
        req.context.started = time.monotonic()
        resp.set_header("X-Request-Id", req.context.id)


class AccessLog:
    """One line when a response starts."""

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: Any, succeeded: bool) -> None:
        ms = (time.monotonic() - req.context.started) * 1000
        log.info("%s %s %s %s %.0f ms", req.context.id, req.method, req.path, resp.status_code, ms)
