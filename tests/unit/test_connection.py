"""The time that a body has on its connection."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from services.api.http.connection import DRAIN_SECONDS, LEAST_RATE, PacedSocket


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Body:
    """The rest of a body, as gunicorn has it: it reads from the socket that it was given."""

    def __init__(self, source: PacedSocket) -> None:
        self._source = source

    def read(self, size: int) -> bytes:
        return self._source.recv(size)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_slow_body_runs_out_of_time(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    clock = Clock()
    paced = PacedSocket(ours, 30, clock)
    for clock.now in (12, 24):
        theirs.send(b"x")
        assert paced.recv(100) == b"x"
    clock.now = 31
    theirs.send(b"x")
    with pytest.raises(TimeoutError):
        paced.recv(100)


def test_a_large_body_gets_time_by_its_bytes(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    clock = Clock()
    paced = PacedSocket(ours, 1, clock)
    for number in range(20):
        clock.now = number / 2
        receive(LEAST_RATE // 2, paced, theirs)
    clock.now = 10.4
    receive(1, paced, theirs)


def test_fast_bytes_save_no_time_for_a_pause(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    clock = Clock()
    paced = PacedSocket(ours, 30, clock)
    receive(20 * LEAST_RATE, paced, theirs)
    clock.now = 31
    theirs.send(b"x")
    with pytest.raises(TimeoutError):
        paced.recv(100)


def receive(count: int, paced: PacedSocket, sender: socket.socket) -> None:
    """Let `count` bytes arrive."""
    while count:
        sender.send(b"x" * min(count, 1024))
        count -= len(paced.recv(1024))


def test_each_further_read_lets_other_requests_run(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    pauses: list[int] = []
    paced = PacedSocket(ours, 30, pause=lambda: pauses.append(0))
    theirs.send(b"xxx")
    for count in range(3):
        paced.recv(1)
        assert len(pauses) == count


def test_a_pause_ends_when_the_time_is_over(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(TimeoutError):
        PacedSocket(pair[0], 0.01).recv(1)


def test_the_answer_keeps_its_limit_and_the_next_request_has_none(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    paced = PacedSocket(ours, 30)
    theirs.send(b"x")
    paced.recv(1)
    assert ours.gettimeout() == 30
    assert paced.release() is ours
    assert ours.gettimeout() is None


def test_the_rest_of_a_body_is_read_up_to_a_bound(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    paced = PacedSocket(ours, 30)
    theirs.send(b"x" * 1000)
    assert not paced.drain(Body(paced), 1000)
    theirs.send(b"x" * 1000)
    theirs.shutdown(socket.SHUT_WR)
    assert paced.drain(Body(paced), 2000)


def test_a_rest_that_does_not_come_is_given_up(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    clock = Clock()

    class Late(Body):
        def read(self, size: int) -> bytes:
            clock.now += DRAIN_SECONDS
            return super().read(size)

    theirs.send(b"x")
    paced = PacedSocket(ours, 30, clock)
    assert not paced.drain(Late(paced), 1000)
