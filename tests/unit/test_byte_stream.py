"""The body of a streamed response: what becomes of notices and errors, and what closing it does."""

from __future__ import annotations

from collections.abc import Iterator

import falcon
import pytest

from services.api.http.stream import ByteStream, Frames
from services.core.errors import BadRequest, ClientGone, ServiceError
from services.core.events import Notice


def body(frames: Frames) -> tuple[ByteStream, falcon.Response]:
    resp = falcon.Response()
    return ByteStream(frames, lambda error: f"error {error.status}".encode(), resp), resp


def failing(error: Exception) -> Frames:
    yield b"a"
    raise error


def test_notices_before_the_first_bytes_are_headers_and_no_bytes() -> None:
    def frames() -> Frames:
        yield Notice("warning", "one")
        yield Notice("state", "queued position=1")
        yield Notice("warning", "two")
        yield Notice("state", "loading")
        yield b"a"
        yield Notice("warning", "too late")
        yield b"b"

    stream, resp = body(frames())
    assert list(stream) == [b"a", b"b"]
    assert resp.get_header("X-RKLLM-Warning") == "one; two"
    assert resp.get_header("X-RKLLM-State") == "loading"


def test_an_error_before_the_first_bytes_is_raised() -> None:
    def frames() -> Frames:
        yield Notice("state", "loading")
        raise BadRequest("no")

    with pytest.raises(BadRequest):
        body(frames())


@pytest.mark.parametrize(
    ("error", "last"),
    [(BadRequest("no"), [b"error 400"]), (ValueError("a bug"), [b"error 500"]), (ClientGone(), [])],
)
def test_an_error_after_the_first_bytes_is_the_end(error: Exception, last: list[bytes]) -> None:
    stream, _ = body(failing(error))
    assert list(stream) == [b"a", *last]


def test_closing_it_closes_its_frames_and_calls_back_once() -> None:
    closed: list[str] = []

    def inner() -> Iterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append("inner")

    def frames() -> Frames:
        yield from inner()

    stream, _ = body(frames())
    stream.on_close = lambda: closed.append("on_close")
    stream.close()
    stream.close()
    assert closed == ["inner", "on_close"]


def test_a_failing_close_calls_back_too() -> None:
    def frames() -> Frames:
        try:
            yield b"a"
        finally:
            raise ServiceError("the engine does not end")

    closed: list[str] = []
    stream, _ = body(frames())
    stream.on_close = lambda: closed.append("on_close")
    with pytest.raises(ServiceError):
        stream.close()
    assert closed == ["on_close"]
