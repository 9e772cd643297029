"""Tickets: order, bounds, fairness, closing. No threads: a ticket is granted or not at once."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.caller import Caller
from services.core.client import NOBODY
from services.core.errors import QueueFull, ShuttingDown, TooManyRequests
from services.core.events import Waiting
from services.scheduler.queue import SHARE, Queue, Ticket


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_first_ticket_has_the_turn_and_the_next_waits_for_it() -> None:
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


def test_depth_counts_those_who_wait() -> None:
    queue = Queue(1, 0, lambda model: False)
    with queue.ticket("a"), queue.ticket("a"), pytest.raises(QueueFull) as caught, queue.ticket("a"):
        pass
    assert caught.value.retry_after


def test_leaving_the_line_moves_the_others_up() -> None:
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


def test_closing_refuses_who_waits_and_who_comes_and_lets_the_holder_go_on() -> None:
    queue = Queue(4, 0, lambda model: False)
    with queue.ticket("a") as holder, queue.ticket("a") as waiting:
        queue.close()
        assert holder.granted
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
def test_nobody_is_overtaken_more_often_than_the_rule_allows(models: list[str], overtakes: int) -> None:
    loaded = ["a"]
    queue = Queue(len(models), overtakes, lambda model: model == loaded[0])
    stacks = [ExitStack() for _ in models]
    holder = ExitStack()
    holder.enter_context(queue.ticket("a"))
    tickets = [stack.enter_context(queue.ticket(model)) for stack, model in zip(stacks, models, strict=True)]
    served: list[int] = []
    holder.close()
    while len(served) < len(models):
        (index,) = [i for i, ticket in enumerate(tickets) if ticket.granted and i not in served]
        served.append(index)
        loaded[0] = models[index]
        stacks[index].close()
    for index in range(len(models)):
        ahead = served[: served.index(index)]
        assert len([other for other in ahead if other > index]) <= overtakes


def test_a_ticket_that_needs_no_model_never_needs_a_swap() -> None:
    queue = Queue(4, 2, lambda model: model == "a")
    holder = ExitStack()
    holder.enter_context(queue.ticket("a"))
    with queue.ticket(None) as unload, queue.ticket("a") as chat:
        holder.close()
        assert unload.granted
        assert not chat.granted


PERSON, JOB = Caller("a"), Caller("b", background=True)


def order(callers: list[Caller], overtakes: int = 0, background_overtakes: int = 8) -> list[int]:
    """In which order tickets of `callers` are served that came in theirs; all need the loaded model."""
    queue = Queue(2 * len(callers), overtakes, lambda model: model == "a", background_overtakes)
    holder, stacks = ExitStack(), [ExitStack() for _ in callers]
    holder.enter_context(queue.ticket("a"))
    tickets = [stack.enter_context(queue.ticket("a", caller)) for stack, caller in zip(stacks, callers, strict=True)]
    served: list[int] = []
    holder.close()
    while len(served) < len(callers):
        (index,) = [i for i, ticket in enumerate(tickets) if ticket.granted and i not in served]
        served.append(index)
        stacks[index].close()
    return served


def test_whom_somebody_waits_for_goes_first() -> None:
    assert order([JOB, PERSON, JOB, PERSON]) == [1, 3, 0, 2]


def test_the_background_has_its_turn_after_so_many_others() -> None:
    assert order([JOB] + [PERSON] * 5, background_overtakes=3) == [1, 2, 3, 0, 4, 5]
    assert order([JOB, PERSON], background_overtakes=0) == [0, 1]


@given(st.lists(st.sampled_from([PERSON, JOB]), min_size=1, max_size=14), st.integers(0, 4))
def test_nobody_starves_and_no_person_waits_for_a_later_job(callers: list[Caller], limit: int) -> None:
    served = order(callers, background_overtakes=limit)
    for place, index in enumerate(served):
        later = [other for other in served[:place] if other > index]
        assert len(later) <= (limit if callers[index].background else 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=12), st.integers(0, 3))
def test_the_limits_hold_with_swaps_and_the_background_together(line: list[tuple[str, bool]], overtakes: int) -> None:
    loaded = ["a"]
    queue = Queue(2 * len(line), overtakes, lambda model: model == loaded[0], 2 * overtakes)
    holder, stacks = ExitStack(), [ExitStack() for _ in line]
    holder.enter_context(queue.ticket("a"))
    tickets = [
        stack.enter_context(queue.ticket(model, Caller(background=background)))
        for stack, (model, background) in zip(stacks, line, strict=True)
    ]
    served: list[int] = []
    holder.close()
    while len(served) < len(line):
        (index,) = [i for i, ticket in enumerate(tickets) if ticket.granted and i not in served]
        later = [other for other in served if other > index]
        assert len(later) <= overtakes * (1 + line[index][1])
        assert line[index][1] or not [other for other in later if line[other][1]]
        served.append(index)
        loaded[0] = line[index][0]
        stacks[index].close()


def test_places_are_counted_in_the_order_of_the_turns() -> None:
    queue = Queue(4, 0, lambda model: model == "a")
    with queue.ticket("a"), queue.ticket("a", JOB) as job, queue.ticket("a", PERSON) as person:
        assert (person.position, job.position) == (1, 2)


def test_the_background_takes_half_of_the_places() -> None:
    queue = Queue(3, 0, lambda model: model == "a")
    with queue.ticket("a"), queue.ticket("a", JOB), queue.ticket("a", JOB):
        with pytest.raises(QueueFull, match="in the background"), queue.ticket("a", JOB):
            pass
        with queue.ticket("a", PERSON), pytest.raises(QueueFull), queue.ticket("a", PERSON):
            pass


def test_a_key_has_no_more_requests_in_line_than_it_may() -> None:
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
    """`count` tickets in line that share turns."""
    stacks = [ExitStack() for _ in range(count)]
    return stacks, [stack.enter_context(queue.ticket(model, shares=1)) for stack in stacks]


def test_those_who_share_a_turn_take_one_place() -> None:
    queue = Queue(2, 0, lambda model: True)
    with queue.ticket("chat"):
        stacks, tickets = sharing(queue, "vectors", SHARE + 3)
        assert [tickets[0].position, tickets[SHARE - 1].position, tickets[SHARE].position] == [1, 1, 2]
        assert (queue.waiting, queue.taken) == (SHARE + 3, 2)
        with pytest.raises(QueueFull), queue.ticket("chat"):
            pass
        for stack in stacks[3:]:
            stack.close()
        with queue.ticket("chat") as chat:
            assert chat.position == 2
        for stack in stacks[:3]:
            stack.close()
        assert queue.taken == 0


def test_a_shared_turn_passes_within_its_model_and_ends() -> None:
    queue = Queue(9, 0, lambda model: True)
    holder = ExitStack()
    holder.enter_context(queue.ticket("chat"))
    stacks, tickets = sharing(queue, "vectors", 2)
    chat_stack = ExitStack()
    chat = chat_stack.enter_context(queue.ticket("chat"))
    others, (other,) = sharing(queue, "more vectors", 1)
    later_stacks, later = sharing(queue, "vectors", SHARE)
    holder.close()
    served = []
    for ticket, stack in zip([*tickets, *later], [*stacks, *later_stacks], strict=True):
        if not ticket.granted:
            break
        served.append(ticket.shared)
        stack.close()
    assert served == list(range(SHARE)), "as many as may share it, the late ones too"
    assert chat.granted
    chat_stack.close()
    assert other.granted
    assert not other.shared
    for stack in [*others, *later_stacks[-2:]]:
        stack.close()


def test_a_shared_turn_is_measured_in_texts() -> None:
    queue = Queue(9, 0, lambda model: True)
    holder = ExitStack()
    holder.enter_context(queue.ticket("chat"))
    with (
        queue.ticket("v", shares=SHARE - 1) as first,
        queue.ticket("v", shares=2) as second,
        queue.ticket("chat") as chat,
    ):
        assert [first.position, second.position, chat.position] == [1, 2, 3]
        holder.close()
        assert first.granted
    with queue.ticket("v", shares=2 * SHARE) as alone:
        assert alone.granted


def test_who_leaves_a_shared_turn_takes_nobody_with_it() -> None:
    queue = Queue(9, 0, lambda model: True)
    holder = ExitStack()
    holder.enter_context(queue.ticket("chat"))
    stacks, tickets = sharing(queue, "vectors", 4)
    stacks[0].close()
    holder.close()
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
