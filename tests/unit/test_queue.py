"""Tickets: order, bounds, fairness, closing. No threads: a ticket is granted or not at once."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.client import NOBODY
from services.core.errors import QueueFull, ShuttingDown
from services.core.events import Waiting
from services.scheduler.queue import Queue


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_first_ticket_has_the_turn_and_the_next_waits_for_it() -> None:
    queue = Queue(4, 0, lambda: None)
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
    queue = Queue(1, 0, lambda: None)
    with queue.ticket("a"), queue.ticket("a"), pytest.raises(QueueFull) as caught, queue.ticket("a"):
        pass
    assert caught.value.retry_after


def test_leaving_the_line_moves_the_others_up() -> None:
    queue = Queue(4, 0, lambda: None)
    with queue.ticket("a"):
        middle = ExitStack()
        middle.enter_context(queue.ticket("a"))
        with queue.ticket("a") as last:
            assert last.position == 2
            middle.close()
            assert last.position == 1


def test_housekeeping_never_waits() -> None:
    queue = Queue(4, 0, lambda: None)
    with queue.ticket("a"), queue.idle_ticket() as none:
        assert none is None
    with queue.idle_ticket() as ticket:
        assert ticket is not None
        assert ticket.granted
    with queue.ticket("a") as again:
        assert again.granted


def test_closing_refuses_who_waits_and_who_comes_and_lets_the_holder_go_on() -> None:
    queue = Queue(4, 0, lambda: None)
    with queue.ticket("a") as holder, queue.ticket("a") as waiting:
        queue.close()
        assert holder.granted
        with pytest.raises(ShuttingDown):
            list(waiting.wait(NOBODY, 1))
        with pytest.raises(ShuttingDown), queue.ticket("a"):
            pass


def test_no_file_is_left_open() -> None:
    queue = Queue(4, 0, lambda: None)
    before = open_files()
    with queue.ticket("a"), queue.ticket("b"):
        pass
    with queue.idle_ticket():
        pass
    assert open_files() == before


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.integers(0, 3))
def test_nobody_is_overtaken_more_often_than_the_rule_allows(models: list[str], overtakes: int) -> None:
    loaded = ["a"]
    queue = Queue(len(models), overtakes, lambda: loaded[0])
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
    queue = Queue(4, 2, lambda: "a")
    holder = ExitStack()
    holder.enter_context(queue.ticket("a"))
    with queue.ticket(None) as unload, queue.ticket("a") as chat:
        holder.close()
        assert unload.granted
        assert not chat.granted
