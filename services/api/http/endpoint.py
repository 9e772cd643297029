"""Declare a path of the API once: what serves it, and what its description says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import falcon

from services.answering.service import Service

Access = Literal["open", "user", "admin"]

VERSION = "/v1"
"""Paths that begin with it exist without it too, for clients that are given the bare address."""


MIB = 1024 * 1024
SMALL = 64 * 1024
"""Bytes that are enough for a body without texts."""


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
    """The type of one event of a streamed answer; None where nothing streams."""
    media: str = "application/json"
    """The content type of the response."""
    stream_media: str = "text/event-stream"
    """The content type of a streamed answer."""
    stream_end: str = ""
    """The data of the last event, where it is not of the type `stream`; else empty."""
    access: Access = "user"
    """Who may use it: everybody, users with a key, administrators."""
    names_model: bool = False
    """Whether the request names a model, so that 404 may be the answer."""
    takes_slot: bool = False
    """Whether it waits in the queue and runs an engine, so that every error of those may be the answer."""
    body_optional: bool = False
    """Whether the request may have no body."""
    max_bytes: int | None = None
    """The largest body; None: what the setting `max_body_bytes` says. The setting is the upper limit of all paths."""
    statuses: tuple[int, ...] = ()
    """Further statuses of errors."""
    also_success: tuple[int, ...] = ()
    """Further statuses that come with the body of a success: probes look at the status alone."""

    @property
    def errors(self) -> tuple[int, ...]:
        """Return the statuses of its errors, in order.

        Two are among them always: 400, since a key in the address is refused, and 403, since foreign pages are.
        """
        found = {400, 403, *self.statuses}
        if self.access != "open":
            found.add(401)
        # A body may come too slowly, be too large, or find no memory.
        if self.request is not None:
            found |= {408, 413, 503}
        if self.names_model:
            found.add(404)
        if self.takes_slot:
            found |= {429, 502, 503, 504}
        return tuple(sorted(found))


model_run = partial(Operation, names_model=True, takes_slot=True)
"""Makes an `Operation` that waits for its slot and runs a model."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path. Its route and its part of the description are both made of this."""

    path: str
    resource: Callable[[Service], object]
    """Makes what serves the path: a class of resources."""
    tag: str
    """The heading of the path in the description."""
    operations: tuple[Operation, ...]
    suffix: str | None = None
    """The suffix of the responders where one resource serves several paths: ``on_get_one`` for ``one``."""
    versioned_only: bool = False
    """Whether the path does not exist without its version."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the path with its version, and without it where it has one and may lose it."""
        if self.versioned_only or not self.path.startswith(f"{VERSION}/"):
            return (self.path,)
        return (self.path, self.path.removeprefix(VERSION))

    @property
    def described(self) -> tuple[Operation, ...]:
        """Return the operations, and HEAD for each GET."""
        heads = (
            replace(each, method="head", summary="The same without a body.", response=None, also_success=())
            for each in self.operations
            if each.method == "get"
        )
        return (*self.operations, *heads)

    def route(self, app: falcon.App[Any, Any], service: Service) -> None:
        """Add all `paths` to `app`, served by one resource, which answers HEAD as it answers GET."""
        resource = self.resource(service)
        end = f"_{self.suffix}" if self.suffix else ""
        if get := getattr(resource, f"on_get{end}", None):
            setattr(resource, f"on_head{end}", get)
        for path in self.paths:
            if self.suffix:
                app.add_route(path, resource, suffix=self.suffix)
            else:
                app.add_route(path, resource)
