"""Tickets: order, bounds, fairness, closing. No threads: a ticket is granted or not at once."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.caller import Caller
from services.core.client import NOBODY
from services.core.errors import QueueFull, ShuttingDown, TooManyRequests, Unavailable
from services.core.events import Waiting
from services.scheduler.queue import MAX_SHARED_TEXTS, Queue
from services.scheduler.ticket import Ticket


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_first_ticket_gets_the_slot_and_the_next_waits_for_it() -> None:
    queue = Queue(4, 0, lambda model: False)
    first, second = ExitStack(), ExitStack()
    one = first.enter_context(queue.ticket("a"))
    two = second.enter_context(queue.ticket("a"))
    assert (one.granted, two.granted, two.position, queue.waiting) == (True, False, 1, 1)
    waits = two.wait(NOBODY, 0)
    assert next(waits) == Waiting("queued", 1)
    first.close()
    assert list(waits) == []
    assert queue.waiting == 0
    second.close()


def test_depth_counts_the_tickets_that_wait() -> None:
    queue = Queue(1, 0, lambda model: False)
    with queue.ticket("a"), queue.ticket("a"), pytest.raises(QueueFull) as caught, queue.ticket("a"):
        pass
    assert caught.value.retry_after


def test_leaving_the_queue_moves_the_others_up() -> None:
    queue = Queue(4, 0, lambda model: False)
    with queue.ticket("a"):
        middle = ExitStack()
        middle.enter_context(queue.ticket("a"))
        with queue.ticket("a") as last:
            assert last.position == 2
            middle.close()
            assert last.position == 1


def test_housekeeping_never_waits() -> None:
    queue = Queue(4, 0, lambda model: False)
    with queue.ticket("a"), queue.idle_ticket() as none:
        assert none is None
    with queue.idle_ticket() as ticket:
        assert ticket is not None
        assert ticket.granted
    with queue.ticket("a") as again:
        assert again.granted


def test_closing_refuses_waiting_and_new_tickets_and_lets_the_owner_go_on() -> None:
    queue = Queue(4, 0, lambda model: False)
    with queue.ticket("a") as owner, queue.ticket("a") as waiting:
        queue.close()
        assert owner.granted
        with pytest.raises(ShuttingDown):
            list(waiting.wait(NOBODY, 1))
        with pytest.raises(ShuttingDown), queue.ticket("a"):
            pass


def test_no_file_is_left_open() -> None:
    queue = Queue(4, 0, lambda model: False)
    before = open_files()
    with queue.ticket("a"), queue.ticket("b"):
        pass
    with queue.idle_ticket():
        pass
    assert open_files() == before


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.integers(0, 3))
def test_no_ticket_is_overtaken_more_often_than_the_rule_allows(models: list[str], overtakes: int) -> None:
    loaded = ["a"]
    queue = Queue(len(models), overtakes, lambda model: model == loaded[0])
    stacks = [ExitStack() for _ in models]
    owner = ExitStack()
    owner.enter_context(queue.ticket("a"))
    tickets = [stack.enter_context(queue.ticket(model)) for stack, model in zip(stacks, models, strict=True)]
    served: list[int] = []
    owner.close()
    while len(served) < len(models):
        (index,) = [i for i, ticket in enumerate(tickets) if ticket.granted and i not in served]
        served.append(index)
        loaded[0] = models[index]
        stacks[index].close()
    for index in range(len(models)):
        ahead = served[: served.index(index)]
        assert len([other for other in ahead if other > index]) <= overtakes


def test_a_ticket_that_needs_no_model_needs_no_load() -> None:
    queue = Queue(4, 2, lambda model: model == "a")
    owner = ExitStack()
    owner.enter_context(queue.ticket("a"))
    with queue.ticket(None) as unload, queue.ticket("a") as chat:
        owner.close()
        assert unload.granted
        assert not chat.granted


INTERACTIVE, LOW_PRIORITY = Caller("a"), Caller("b", low_priority=True)


def order(callers: list[Caller], overtakes: int = 0, low_priority_overtakes: int = 8) -> list[int]:
    """Return in which order the tickets of `callers` are served; they come in this order and need the loaded model."""
    queue = Queue(2 * len(callers), overtakes, lambda model: model == "a", low_priority_overtakes)
    owner, stacks = ExitStack(), [ExitStack() for _ in callers]
    owner.enter_context(queue.ticket("a"))
    tickets = [stack.enter_context(queue.ticket("a", caller)) for stack, caller in zip(stacks, callers, strict=True)]
    served: list[int] = []
    owner.close()
    while len(served) < len(callers):
        (index,) = [i for i, ticket in enumerate(tickets) if ticket.granted and i not in served]
        served.append(index)
        stacks[index].close()
    return served


def test_interactive_requests_go_first() -> None:
    assert order([LOW_PRIORITY, INTERACTIVE, LOW_PRIORITY, INTERACTIVE]) == [1, 3, 0, 2]


def test_a_low_priority_request_is_overtaken_only_so_often() -> None:
    assert order([LOW_PRIORITY] + [INTERACTIVE] * 5, low_priority_overtakes=3) == [1, 2, 3, 0, 4, 5]
    assert order([LOW_PRIORITY, INTERACTIVE], low_priority_overtakes=0) == [0, 1]


@given(st.lists(st.sampled_from([INTERACTIVE, LOW_PRIORITY]), min_size=1, max_size=14), st.integers(0, 4))
def test_no_ticket_starves_and_no_interactive_one_waits_for_a_later_low_priority_one(
    callers: list[Caller], limit: int
) -> None:
    served = order(callers, low_priority_overtakes=limit)
    for place, index in enumerate(served):
        later = [other for other in served[:place] if other > index]
        assert len(later) <= (limit if callers[index].low_priority else 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=12), st.integers(0, 3))
def test_the_limits_are_kept_with_loads_and_priorities_together(wanted: list[tuple[str, bool]], overtakes: int) -> None:
    loaded = ["a"]
    queue = Queue(2 * len(wanted), overtakes, lambda model: model == loaded[0], 2 * overtakes)
    owner, stacks = ExitStack(), [ExitStack() for _ in wanted]
    owner.enter_context(queue.ticket("a"))
    tickets = [
        stack.enter_context(queue.ticket(model, Caller(low_priority=low)))
        for stack, (model, low) in zip(stacks, wanted, strict=True)
    ]
    served: list[int] = []
    owner.close()
    while len(served) < len(wanted):
        (index,) = [i for i, ticket in enumerate(tickets) if ticket.granted and i not in served]
        later = [other for other in served if other > index]
        assert len(later) <= overtakes * (1 + wanted[index][1])
        assert wanted[index][1] or not [other for other in later if wanted[other][1]]
        served.append(index)
        loaded[0] = wanted[index][0]
        stacks[index].close()


def test_positions_follow_the_priority() -> None:
    queue = Queue(4, 0, lambda model: model == "a")
    with queue.ticket("a"), queue.ticket("a", LOW_PRIORITY) as low, queue.ticket("a", INTERACTIVE) as interactive:
        assert (interactive.position, low.position) == (1, 2)


def test_low_priority_requests_take_half_of_the_places() -> None:
    queue = Queue(3, 0, lambda model: model == "a")
    with queue.ticket("a"), queue.ticket("a", LOW_PRIORITY), queue.ticket("a", LOW_PRIORITY):
        with pytest.raises(QueueFull, match="low priority"), queue.ticket("a", LOW_PRIORITY):
            pass
        with queue.ticket("a", INTERACTIVE), pytest.raises(QueueFull), queue.ticket("a", INTERACTIVE):
            pass


def test_a_key_has_no_more_requests_in_the_queue_than_it_may() -> None:
    queue = Queue(8, 0, lambda model: model == "a")
    mine, other = Caller("mine", max_waiting=1), Caller("other", max_waiting=1)
    with queue.ticket("a", mine), queue.ticket("a", mine):
        with pytest.raises(TooManyRequests, match="'mine'") as caught, queue.ticket("a", mine):
            pass
        assert caught.value.retry_after
        with queue.ticket("a", other), queue.ticket("a"), queue.ticket("a"):
            assert queue.waiting == 4
    with queue.ticket("a", mine):
        assert queue.waiting == 0


def sharing(queue: Queue, model: str, count: int) -> tuple[list[ExitStack], list[Ticket]]:
    """Return `count` tickets that wait and share the slot, each with the stack that leaves the queue."""
    stacks = [ExitStack() for _ in range(count)]
    return stacks, [stack.enter_context(queue.ticket(model, texts=1)) for stack in stacks]


def test_tickets_that_share_the_slot_take_one_place() -> None:
    queue = Queue(2, 0, lambda model: True)
    with queue.ticket("chat"):
        stacks, tickets = sharing(queue, "vectors", MAX_SHARED_TEXTS + 3)
        assert [ticket.position for ticket in tickets] == [1] * MAX_SHARED_TEXTS + [2] * 3
        assert (queue.waiting, queue.places_taken) == (MAX_SHARED_TEXTS + 3, 2)
        with pytest.raises(QueueFull), queue.ticket("chat"):
            pass
        for stack in stacks[3:]:
            stack.close()
        with queue.ticket("chat") as chat:
            assert chat.position == 2
        for stack in stacks[:3]:
            stack.close()
        assert queue.places_taken == 0


def test_a_shared_slot_stays_with_its_model_and_ends() -> None:
    queue = Queue(9, 0, lambda model: True)
    owner = ExitStack()
    owner.enter_context(queue.ticket("chat"))
    stacks, tickets = sharing(queue, "vectors", 2)
    chat_stack = ExitStack()
    chat = chat_stack.enter_context(queue.ticket("chat"))
    others, (other,) = sharing(queue, "more vectors", 1)
    later_stacks, later = sharing(queue, "vectors", MAX_SHARED_TEXTS)
    owner.close()
    served = []
    for ticket, stack in zip([*tickets, *later], [*stacks, *later_stacks], strict=True):
        if not ticket.granted:
            break
        served.append(ticket.texts_before)
        stack.close()
    assert served == list(range(MAX_SHARED_TEXTS)), "as many as may share it, the late ones too"
    assert chat.granted
    chat_stack.close()
    assert other.granted
    assert not other.texts_before
    for stack in [*others, *later_stacks[-2:]]:
        stack.close()


def test_a_shared_slot_is_measured_in_texts() -> None:
    queue = Queue(9, 0, lambda model: True)
    owner = ExitStack()
    owner.enter_context(queue.ticket("chat"))
    with (
        queue.ticket("v", texts=MAX_SHARED_TEXTS - 1) as first,
        queue.ticket("v", texts=2) as second,
        queue.ticket("chat") as chat,
    ):
        assert [first.position, second.position, chat.position] == [1, 2, 3]
        owner.close()
        assert first.granted
    with queue.ticket("v", texts=2 * MAX_SHARED_TEXTS) as alone:
        assert alone.granted


def test_leaving_a_shared_slot_takes_no_other_ticket_along() -> None:
    queue = Queue(9, 0, lambda model: True)
    owner = ExitStack()
    owner.enter_context(queue.ticket("chat"))
    stacks, tickets = sharing(queue, "vectors", 4)
    stacks[0].close()
    owner.close()
    assert tickets[1].granted
    stacks[1].close()
    assert tickets[2].granted
    stacks[3].close()
    stacks[2].close()
    with queue.ticket("chat") as chat:
        assert chat.granted


def test_a_refused_ticket_leaves_no_file_open() -> None:
    queue = Queue(0, 0, lambda model: True)
    with queue.ticket("a"):
        before = open_files()
        with pytest.raises(QueueFull), queue.ticket("a"):
            pass
        assert open_files() == before


def test_a_ticket_without_a_descriptor_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted() -> tuple[int, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "pipe", exhausted)
    queue = Queue(1, 0, lambda model: False)
    with pytest.raises(Unavailable, match="as many files"), queue.ticket("a"):
        pass
    assert queue.waiting == 0
