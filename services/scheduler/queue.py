"""Who may use the accelerator: one turn, and a bounded line of tickets for it.

The rule: first come, first served, with two exceptions. When the turn falls free, tickets that somebody waits for go
before those in the background, and among equals one for the loaded model goes before those that need a swap (tens of
seconds on a board). Both end at a ticket that was passed as often as it may be, `overtakes` times or, in the
background, `background_overtakes` times: nobody behind it goes before it. So everybody's turn comes.

Tickets in the background may take half of the places in line, so that they never fill it.

Short requests that come by the dozen share turns: those for one model run one after the other in one turn, each on its
own ticket, as long as they have no more than `SHARE` texts together, and take one place in line. In one batch they
would not be done sooner (measured with llama.cpp: texts as long as a page took longer so), and on its own ticket each
has its own client, error and counts.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence

from services.core.caller import ANYBODY, Caller
from services.core.client import Client
from services.core.errors import QueueFull, ServiceError, ShuttingDown, TooManyRequests
from services.core.events import Waiting

SHARE = 64
"""Texts in one shared turn: a chat behind them waits for seconds at most (MiniLM takes 10 to 100 ms for a text)."""


class Ticket:
    """A place in line. `wait` is for its owner; the rest is written by the queue, under its lock."""

    def __init__(self, model_id: str | None, caller: Caller = ANYBODY, shares: int = 0) -> None:
        self.model_id = model_id
        """The model it needs; None where any will do."""
        self.caller = caller
        self.shares = shares
        """How many texts of a shared turn it takes; 0 if it shares none."""
        self.shared = 0
        """How many texts had the turn before it that it shares."""
        self.overtaken = 0
        self.position = 0
        """Places ahead, the running one included, unless one that is behind saves a swap; 0 for the turn's holder."""
        self.granted = False
        self._bell, self._rope = os.pipe()

    @property
    def company(self) -> tuple[str | None, bool, bool]:
        """Equal for those who share turns."""
        return self.model_id, self.caller.background, bool(self.shares)

    def ring(self) -> None:
        """Wake the owner."""
        os.write(self._rope, b"!")

    def wait(self, client: Client, heartbeat: float) -> Iterator[Waiting]:
        """Block until the turn is ours, with a `Waiting` every `heartbeat` seconds.

        Raises `ClientGone`, and `ShuttingDown` when the queue closes first.
        """
        while not self.granted:
            if not client.wait(self._bell, heartbeat):
                yield Waiting("queued", self.position)
            elif not self.granted:
                raise shutting_down()

    def close(self) -> None:
        os.close(self._bell)
        os.close(self._rope)


class Queue:
    """The line for the one turn. Every method may be called from any thread and returns at once."""

    def __init__(
        self, depth: int, overtakes: int, loaded: Callable[[str], bool], background_overtakes: int = 8
    ) -> None:
        """`depth` places are beside the one that has the turn; `loaded` tells whether a model needs no load."""
        self._depth, self._loaded = depth, loaded
        self._overtakes, self._background_overtakes = overtakes, background_overtakes
        self._lock = threading.Lock()
        self._holder: Ticket | None = None
        self._waiting: list[Ticket] = []
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many tickets wait; a snapshot."""
        return len(self._waiting)

    @property
    def taken(self) -> int:
        """How many of the `depth` places the tickets that wait take; a snapshot."""
        return max((ticket.position for ticket in list(self._waiting)), default=0)

    @contextlib.contextmanager
    def ticket(self, model_id: str | None, caller: Caller = ANYBODY, shares: int = 0) -> Iterator[Ticket]:
        """A place in line for the length of the block; leaving the block passes the turn on.

        Raises `QueueFull`, `TooManyRequests` or `ShuttingDown`.
        """
        ticket = self._enter(Ticket(model_id, caller, shares))
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

    def _enter(self, ticket: Ticket) -> Ticket:
        try:
            with self._lock:
                return self._placed(ticket)
        except ServiceError:
            ticket.close()
            raise

    def _placed(self, ticket: Ticket) -> Ticket:
        if self._closed:
            raise shutting_down()
        if self._holder is None:
            return self._grant(ticket)
        self._check_room(ticket)
        self._waiting.append(ticket)
        self._number()
        return ticket

    def _check_room(self, ticket: Ticket) -> None:
        caller = ticket.caller
        room = (self._depth + 1) // 2 if caller.background else self._depth
        if max(places([*self._waiting, ticket])) > room:
            raise QueueFull(
                f"The server is busy: one request runs and {len(self._waiting)} wait, which is as many as queue_depth "
                f"allows{' for one in the background' if caller.background else ''}. Please retry shortly."
            )
        mine = [other for other in self._waiting if other.caller.name == caller.name]
        if 0 < caller.max_waiting < max(places([*mine, ticket])):
            raise TooManyRequests(
                f"{len(mine)} requests of the key {caller.name!r} wait already, which is as many as its max_waiting "
                "allows. Please retry when one of them is answered."
            )

    def _leave(self, ticket: Ticket) -> None:
        with self._lock:
            if ticket is self._holder:
                self._holder = None
                if self._waiting and not self._closed:
                    self._grant(self._sharing(ticket) or self._pick()).ring()
            else:
                self._waiting.remove(ticket)
            self._number()
        ticket.close()

    def _grant(self, ticket: Ticket) -> Ticket:
        self._holder = ticket
        ticket.granted = True
        ticket.position = 0
        return ticket

    def _sharing(self, last: Ticket) -> Ticket | None:
        """Take the next ticket that shares the turn of the `last` one out of the line, if there is one."""
        company = (ticket for ticket in self._waiting if ticket.company == last.company)
        ticket = next(company, None) if last.shares else None
        if ticket is None or last.shared + last.shares + ticket.shares > SHARE:
            return None
        ticket.shared = last.shared + last.shares
        self._waiting.remove(ticket)
        return ticket

    def _pick(self) -> Ticket:
        """Take the next ticket out of the line, by the rule above."""
        index = self._chosen()
        for passed in self._waiting[:index]:
            passed.overtaken += 1
        return self._waiting.pop(index)

    def _chosen(self) -> int:
        best = 0
        for index, ticket in enumerate(self._waiting):
            if self._rank(ticket) < self._rank(self._waiting[best]):
                best = index
            if ticket.overtaken >= self._limit(ticket):
                break
        return best

    def _limit(self, ticket: Ticket) -> int:
        return self._background_overtakes if ticket.caller.background else self._overtakes

    def _rank(self, ticket: Ticket) -> tuple[bool, bool]:
        """The lower, the sooner: whether nobody waits for it, whether it needs a load."""
        return ticket.caller.background, ticket.model_id is not None and not self._loaded(ticket.model_id)

    def _number(self) -> None:
        line = sorted(self._waiting, key=lambda ticket: ticket.caller.background)
        for ticket, place in zip(line, places(line), strict=True):
            ticket.position = place


def places(line: Sequence[Ticket]) -> list[int]:
    """The place of each ticket, from 1; those that will share a turn have one together."""
    found: list[int] = []
    last = 0
    turns: dict[tuple[str | None, bool, bool], tuple[int, int]] = {}
    for ticket in line:
        place, texts = turns.get(ticket.company, (0, SHARE)) if ticket.shares else (0, SHARE)
        if texts + max(1, ticket.shares) > SHARE:
            last += 1
            place, texts = last, 0
        turns[ticket.company] = place, texts + ticket.shares
        found.append(place)
    return found


def shutting_down() -> ShuttingDown:
    return ShuttingDown("The server is shutting down. Please retry when it is back.")
