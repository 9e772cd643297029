"""One path of the API: what serves it, and what its description says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import falcon

from services.answering.service import Service

Access = Literal["open", "user", "admin"]

VERSION = "/v1"
"""Paths that begin so exist without it too, for clients that are given the bare address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of a path.

    `request` and `response` are msgspec structs, or any type msgspec knows. None: no body.
    """

    method: Literal["get", "post", "delete", "put", "head"] = "post"
    summary: str
    request: Any = None
    response: Any = None
    stream: Any = None
    """What one event of a streamed answer is; None where nothing streams."""
    media: str = "application/json"
    """The response's content type, where it is no JSON."""
    stream_media: str = "text/event-stream"
    stream_end: str = ""
    """The data of the last event, where that is none of the others' kind."""
    access: Access = "user"
    names_model: bool = False
    """Whether 404 is the answer for a model that is not there."""
    takes_slot: bool = False
    """Whether it waits in the queue and runs an engine: everything that can happen there can be the answer."""
    body_optional: bool = False
    """Whether the request may have no body."""
    statuses: tuple[int, ...] = ()
    """Further statuses of errors."""
    also_success: tuple[int, ...] = ()
    """Further statuses that come with the body of a success: probes look at the status alone."""

    @property
    def errors(self) -> tuple[int, ...]:
        """Return the statuses of its errors. 400 is for everybody: a key in the address is refused everywhere."""
        found = {400, *self.statuses}
        if self.access != "open":
            found.add(401)
        if self.access == "admin":
            found.add(403)
        if self.request is not None:
            found |= {408, 413}
        if self.names_model:
            found.add(404)
        if self.takes_slot:
            found |= {429, 502, 503, 504}
        return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path. Its route and its part of the description are both made of this."""

    path: str
    resource: Callable[[Service], object]
    """Makes what serves it: a class of resources."""
    tag: str
    """The heading it stands under in the description."""
    operations: tuple[Operation, ...]
    suffix: str | None = None
    """Of the responders, where one resource serves several paths: ``on_get_one`` for ``one``."""
    versioned_only: bool = False
    """Whether it does not exist without its version."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the path, and the same without its version."""
        if self.versioned_only or not self.path.startswith(f"{VERSION}/"):
            return (self.path,)
        return (self.path, self.path.removeprefix(VERSION))

    def route(self, app: falcon.App[Any, Any], service: Service) -> None:
        """Add the path to `app`, under all its spellings, with one resource for them."""
        resource = self.resource(service)
        for path in self.paths:
            if self.suffix:
                app.add_route(path, resource, suffix=self.suffix)
            else:
                app.add_route(path, resource)
