"""Give the one slot of the device to one request at a time.

A request needs the slot to load a model or to run one. Whoever waits for it has a ticket, and the number of places in
the queue is bounded. When the slot becomes free, the order is first come, first served, with two exceptions:

1. Interactive requests go before low-priority ones.
2. Among requests of equal priority, one whose model is loaded goes before those that need a load, which takes tens of
   seconds on a board.

Both exceptions have a limit. A ticket that was overtaken `overtakes` times (with low priority: `low_priority_overtakes`
times) is overtaken no more, so every request gets the slot in the end.

Low-priority tickets may take half of the places, so that they never fill the queue.

Short requests that arrive in large numbers share the slot: those for one model run one after the other while one of
them has it, up to `MAX_SHARED_TEXTS` texts together, and take one place in the queue. One batch for all of them would
not be faster (measured with llama.cpp: texts as long as a page took longer), and with a ticket of its own each request
keeps its own client, error and counts.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

from services.core.caller import ANYBODY, Caller
from services.core.errors import QueueFull, ServiceError, TooManyRequests
from services.scheduler.ticket import SharingKey, Ticket, shutting_down

MAX_SHARED_TEXTS = 64
"""Texts that may share the slot: a chat behind them waits a few seconds at most (MiniLM takes 10 to 100 ms a text)."""


class Queue:
    """The queue for the one slot. Every method may be called from any thread and returns at once."""

    def __init__(
        self, depth: int, overtakes: int, is_loaded: Callable[[str], bool], low_priority_overtakes: int = 8
    ) -> None:
        """Make an empty queue of `depth` places; the owner of the slot takes none of them.

        `is_loaded` says whether a model needs no load. It is called under the lock, so it must not block.
        """
        self._depth, self._is_loaded = depth, is_loaded
        self._overtakes, self._low_priority_overtakes = overtakes, low_priority_overtakes
        self._lock = threading.Lock()
        self._owner: Ticket | None = None
        self._waiting: list[Ticket] = []
        self._closed = False

    @property
    def waiting(self) -> int:
        """Return how many tickets wait; a snapshot."""
        return len(self._waiting)

    @property
    def places_taken(self) -> int:
        """Return how many of the `depth` places are taken; a snapshot. Tickets that share the slot share a place."""
        return max((ticket.position for ticket in list(self._waiting)), default=0)

    @contextlib.contextmanager
    def ticket(self, model_id: str | None, caller: Caller = ANYBODY, texts: int = 0) -> Iterator[Ticket]:
        """Enter the queue for the length of the block; at its end the next ticket gets the slot.

        Raises `QueueFull`, `TooManyRequests`, `ShuttingDown`, and `Unavailable` where no file descriptor is left.
        """
        ticket = self._enter(Ticket(model_id, caller, texts))
        try:
            yield ticket
        finally:
            self._leave(ticket)

    @contextlib.contextmanager
    def idle_ticket(self) -> Iterator[Ticket | None]:
        """Take the slot for the block if it is free, else give None: for housekeeping, which must not wait."""
        with self._lock:
            ticket = None if self._owner else self._grant(Ticket(None))
        try:
            yield ticket
        finally:
            if ticket:
                self._leave(ticket)

    def close(self) -> None:
        """Refuse new tickets and those that wait. The owner of the slot goes on."""
        with self._lock:
            self._closed = True
            for ticket in self._waiting:
                ticket.wake()

    def _enter(self, ticket: Ticket) -> Ticket:
        try:
            with self._lock:
                return self._admit(ticket)
        except ServiceError:
            ticket.close()
            raise

    def _admit(self, ticket: Ticket) -> Ticket:
        if self._closed:
            raise shutting_down()
        if self._owner is None:
            return self._grant(ticket)
        self._check_limits(ticket)
        self._waiting.append(ticket)
        self._update_positions()
        return ticket

    def _check_limits(self, ticket: Ticket) -> None:
        """Raise `QueueFull` or `TooManyRequests` where the ticket would take a place too many."""
        caller = ticket.caller
        room = (self._depth + 1) // 2 if caller.low_priority else self._depth
        if max(positions([*self._waiting, ticket])) > room:
            raise QueueFull(
                f"The server is busy: one request is running and {len(self._waiting)} are waiting. queue_depth allows "
                f"no more{' with low priority' if caller.low_priority else ''}. Please retry shortly."
            )
        mine = [other for other in self._waiting if other.caller.name == caller.name]
        if 0 < caller.max_waiting < max(positions([*mine, ticket])):
            raise TooManyRequests(
                f"{len(mine)} requests with the key {caller.name!r} are waiting already, and its max_waiting allows no "
                "more. Please retry when one of them is answered."
            )

    def _leave(self, ticket: Ticket) -> None:
        with self._lock:
            if ticket is self._owner:
                self._owner = None
                if self._waiting and not self._closed:
                    self._grant(self._take_sharing(ticket) or self._take_next()).wake()
            else:
                self._waiting.remove(ticket)
            self._update_positions()
        ticket.close()

    def _grant(self, ticket: Ticket) -> Ticket:
        self._owner = ticket
        ticket.granted = True
        ticket.position = 0
        return ticket

    def _take_sharing(self, last: Ticket) -> Ticket | None:
        """Remove and return the next ticket that may share the slot of `last`; None where there is none."""
        if not last.texts:
            return None
        ticket = next((other for other in self._waiting if other.sharing_key == last.sharing_key), None)
        if ticket is None or last.texts_before + last.texts + ticket.texts > MAX_SHARED_TEXTS:
            return None
        ticket.texts_before = last.texts_before + last.texts
        self._waiting.remove(ticket)
        return ticket

    def _take_next(self) -> Ticket:
        """Remove and return the ticket that gets the slot next, and count whom it overtakes."""
        index = self._next_index()
        for overtaken in self._waiting[:index]:
            overtaken.overtaken += 1
        return self._waiting.pop(index)

    def _next_index(self) -> int:
        best = 0
        for index, ticket in enumerate(self._waiting):
            if self._rank(ticket) < self._rank(self._waiting[best]):
                best = index
            if ticket.overtaken >= self._overtake_limit(ticket):
                break  # nobody behind this one may go before it
        return best

    def _overtake_limit(self, ticket: Ticket) -> int:
        return self._low_priority_overtakes if ticket.caller.low_priority else self._overtakes

    def _rank(self, ticket: Ticket) -> tuple[bool, bool]:
        """Return the key to sort by: low priority last, then those that need a load."""
        needs_load = ticket.model_id is not None and not self._is_loaded(ticket.model_id)
        return ticket.caller.low_priority, needs_load

    def _update_positions(self) -> None:
        # Loads are left out of the order here: which model is loaded changes before most of these tickets are served.
        ordered = sorted(self._waiting, key=lambda ticket: ticket.caller.low_priority)
        for ticket, position in zip(ordered, positions(ordered), strict=True):
            ticket.position = position


def positions(tickets: Sequence[Ticket]) -> list[int]:
    """Return the position of each ticket, from 1; tickets that will share the slot have the same one."""
    found: list[int] = []
    last = 0
    shared: dict[SharingKey, tuple[int, int]] = {}  # the position of the tickets that share, and their texts
    for ticket in tickets:
        position, texts = shared.get(ticket.sharing_key, (0, 0))
        if not (ticket.texts and position) or texts + ticket.texts > MAX_SHARED_TEXTS:
            last += 1
            position, texts = last, 0
        shared[ticket.sharing_key] = position, texts + ticket.texts
        found.append(position)
    return found
