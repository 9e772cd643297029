"""One line of the API's description: what a path takes, what it answers, and who may ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Access = Literal["open", "user", "admin"]


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path.

    `request` and `response` are msgspec structs (or any type msgspec knows); a response may also be an example, a dict
    whose shape is then taken for the schema. None: no body.
    """

    method: Literal["get", "post", "delete", "put", "head"]
    path: str
    """The route's template; one that begins with ``/v1`` exists without it too, unless `only_v1`."""
    tag: str
    """The heading it stands under."""
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
    """404 for a model that is not there."""
    takes_turn: bool = False
    """Waits in line and runs an engine: everything that can happen there can be the answer."""
    body_optional: bool = False
    """The request may have no body."""
    statuses: tuple[int, ...] = ()
    """Further statuses it answers with."""
    only_v1: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """The path, and the same without its version."""
        if self.only_v1 or not self.path.startswith("/v1/"):
            return (self.path,)
        return (self.path, self.path.removeprefix("/v1"))

    @property
    def errors(self) -> tuple[int, ...]:
        """The statuses of its errors. 400 is for everybody: a key in the address is refused everywhere."""
        found = {400, *self.statuses}
        if self.access != "open":
            found.add(401)
        if self.access == "admin":
            found.add(403)
        if self.request is not None:
            found |= {408, 413}
        if self.names_model:
            found.add(404)
        if self.takes_turn:
            found |= {429, 502, 503, 504}
        return tuple(sorted(found))
