"""Wait in the queue: the ticket of one request."""

from __future__ import annotations

import os
from collections.abc import Iterator

from services.core import descriptors
from services.core.caller import ANYBODY, Caller
from services.core.client import Client
from services.core.errors import ShuttingDown
from services.core.events import Waiting

SharingKey = tuple[str | None, bool, bool]


class Ticket:
    """One request in the queue. Its owner calls `wait`; the queue writes everything else, under its lock."""

    def __init__(self, model_id: str | None, caller: Caller = ANYBODY, texts: int = 0) -> None:
        """Open the pipe that wakes the owner. `close` must be called in the end. Raises `Unavailable` without one."""
        self.model_id = model_id
        """The model that the request needs; None where it needs none."""
        self.caller = caller
        self.texts = texts
        """How many texts it counts for in a shared slot; 0 where it does not share the slot."""
        self.texts_before = 0
        """How many texts ran before it in the slot that it shares."""
        self.overtaken = 0
        self.position = 0
        """Expected position in the queue, from 1; 0 for the owner of the slot."""
        self.granted = False
        with descriptors.needed():
            self._wake_read, self._wake_write = os.pipe()

    @property
    def sharing_key(self) -> SharingKey:
        """Return a value that is equal for tickets that may share the slot."""
        return self.model_id, self.caller.low_priority, bool(self.texts)

    def wake(self) -> None:
        """Wake the owner out of `wait`. Never blocks; any thread may call it."""
        os.write(self._wake_write, b"!")

    def wait(self, client: Client, heartbeat: float) -> Iterator[Waiting]:
        """Block until the slot is granted, with a `Waiting` every `heartbeat` seconds.

        Raises `ClientGone`, and `ShuttingDown` when the queue closes first.
        """
        while not self.granted:
            if not client.wait(self._wake_read, heartbeat):
                yield Waiting("queued", self.position)
            elif not self.granted:
                raise shutting_down()

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._wake_read)
        os.close(self._wake_write)


def shutting_down() -> ShuttingDown:
    """Return the error for a request that the end of the server refuses."""
    return ShuttingDown("The server is shutting down. Please retry when it is back.")
