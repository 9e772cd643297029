"""Who may use the accelerator: one turn, and a bounded line of tickets for it.

The rule: first come, first served, with one exception. When the turn falls free and the first ticket in line needs
another model than the loaded one, the first ticket for the loaded model goes before it, provided that every ticket it
passes has been passed fewer than `overtakes` times. So a model swap (tens of seconds on a board) is saved where it can
be, and nobody is overtaken more than `overtakes` times.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator

from services.core.client import Client
from services.core.errors import QueueFull, ShuttingDown
from services.core.events import Waiting


class Ticket:
    """A place in line. `wait` is for its owner; the rest is written by the queue, under its lock."""

    def __init__(self, model_id: str | None) -> None:
        self.model_id = model_id
        """The model it needs; None where any will do."""
        self.overtaken = 0
        self.position = 0
        """Requests ahead, the running one included; 0 for the holder of the turn."""
        self.granted = False
        self._bell, self._rope = os.pipe()

    def ring(self) -> None:
        """Wake the owner."""
        os.write(self._rope, b"!")

    def wait(self, client: Client, beat: float) -> Iterator[Waiting]:
        """Block until the turn is ours, with a `Waiting` every `beat` seconds.

        Raises `ClientGone`, and `ShuttingDown` when the queue closes first.
        """
        while not self.granted:
            if not client.wait(self._bell, beat):
                yield Waiting("queued", self.position)
            elif not self.granted:
                raise shutting_down()

    def close(self) -> None:
        os.close(self._bell)
        os.close(self._rope)


class Queue:
    """The line for the one turn. Every method may be called from any thread and returns at once."""

    def __init__(self, depth: int, overtakes: int, loaded: Callable[[], str | None]) -> None:
        """`depth` tickets may wait beside the one that has the turn; `loaded` tells the loaded model's id."""
        self._depth, self._overtakes, self._loaded = depth, overtakes, loaded
        self._lock = threading.Lock()
        self._holder: Ticket | None = None
        self._waiting: list[Ticket] = []
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many tickets wait; a snapshot."""
        return len(self._waiting)

    @contextlib.contextmanager
    def ticket(self, model_id: str | None) -> Iterator[Ticket]:
        """A place in line for the length of the block; leaving the block passes the turn on.

        Raises `QueueFull` or `ShuttingDown`.
        """
        ticket = self._enter(model_id)
        try:
            yield ticket
        finally:
            self._leave(ticket)

    @contextlib.contextmanager
    def idle_ticket(self) -> Iterator[Ticket | None]:
        """The turn if nobody has it or waits for it, else None: for housekeeping, which never delays a request."""
        with self._lock:
            ticket = None if self._holder else self._grant(Ticket(None))
        try:
            yield ticket
        finally:
            if ticket:
                self._leave(ticket)

    def close(self) -> None:
        """Refuse new tickets and those that wait; the holder of the turn goes on."""
        with self._lock:
            self._closed = True
            for ticket in self._waiting:
                ticket.ring()

    def _enter(self, model_id: str | None) -> Ticket:
        with self._lock:
            if self._closed:
                raise shutting_down()
            if self._holder and len(self._waiting) >= self._depth:
                raise QueueFull(
                    f"The server is busy: one request runs and {len(self._waiting)} wait, which is as many as "
                    "queue_depth allows. Please retry shortly."
                )
            ticket = Ticket(model_id)
            if self._holder is None:
                return self._grant(ticket)
            self._waiting.append(ticket)
            self._number()
            return ticket

    def _leave(self, ticket: Ticket) -> None:
        with self._lock:
            if ticket is self._holder:
                self._holder = None
                if self._waiting and not self._closed:
                    self._grant(self._pick()).ring()
            else:
                self._waiting.remove(ticket)
            self._number()
        ticket.close()

    def _grant(self, ticket: Ticket) -> Ticket:
        self._holder = ticket
        ticket.granted = True
        ticket.position = 0
        return ticket

    def _pick(self) -> Ticket:
        """Take the next ticket out of the line, by the rule above."""
        index = self._chosen()
        for passed in self._waiting[:index]:
            passed.overtaken += 1
        return self._waiting.pop(index)

    def _chosen(self) -> int:
        loaded = self._loaded()
        for index, ticket in enumerate(self._waiting):
            if ticket.model_id in (loaded, None):
                return index
            if ticket.overtaken >= self._overtakes:
                break
        return 0

    def _number(self) -> None:
        for index, ticket in enumerate(self._waiting):
            ticket.position = index + 1


def shutting_down() -> ShuttingDown:
    return ShuttingDown("The server is shutting down. Please retry when it is back.")
