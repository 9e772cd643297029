"""Give way to other requests during long work on text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TypeVar

ITEMS_PER_SLICE = 32
"""Items processed between two calls of `give_way`: of segments, 1 to 4 ms of work."""

LIGHT_ITEMS_PER_SLICE = 1024
"""The same for steps of a few microseconds."""

T = TypeVar("T")


def paced(items: Iterable[T], give_way: Callable[[], None], every: int = ITEMS_PER_SLICE) -> Iterator[T]:
    """Yield `items` unchanged and call `give_way` after every `every` of them, so that other requests can run."""
    # An item of a list that is chained costs a tenth of one that a generator yields.
    return chain.from_iterable(_slices(iter(items), give_way, every))


def _slices(items: Iterator[T], give_way: Callable[[], None], size: int) -> Iterator[list[T]]:
    while part := list(islice(items, size)):
        yield part
        give_way()


def lightly_paced(items: Iterable[T], give_way: Callable[[], None]) -> Iterator[T]:
    """Yield `items` as `paced` does, for a step that takes a few microseconds: giving way costs as much."""
    return paced(items, give_way, LIGHT_ITEMS_PER_SLICE)


def breathing(work: Callable[[str], T], give_way: Callable[[], None]) -> Callable[[str], T]:
    """Return a function that does `work` and calls `give_way` before each text."""

    def work_after_breath(text: str) -> T:
        give_way()
        return work(text)

    return work_after_breath


def do_nothing() -> None:
    """Do nothing: the `give_way` of a caller that nobody waits for."""
