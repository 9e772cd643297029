"""Define the base of all resources: the service behind them, and how they read a body."""

from __future__ import annotations

from typing import TypeVar

import falcon

from services.answering.service import Service
from services.api.http.body import Bodies

T = TypeVar("T")


class Resource:
    """The responders of a path. Each parses a request, calls the service and encodes the answer; nothing else."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def parse(self, req: falcon.Request, kind: type[T], blank: bytes = b"") -> T:
        """Return the body as a `kind`, an empty one as if it were `blank`. Blocks; raises as `Bodies.parse` does."""
        bodies: Bodies = req.context.bodies
        return bodies.parse(req, kind, blank)
