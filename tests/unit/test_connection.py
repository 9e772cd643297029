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
    left = LEAST_RATE
    while left:
        theirs.send(b"x" * 1024)
        left -= len(paced.recv(2048))
    clock.now = 1.9
    theirs.send(b"x")
    assert paced.recv(100) == b"x"


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
