"""Limits of bodies: what each path takes, and what all together may hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import falcon.testing
import pytest

from services.api.app import ENDPOINTS
from services.api.http.body import Bodies, Room
from services.core.errors import BodiesFull
from services.core.settings import Settings
from tests.http.bodies import OPERATIONS, POSTS
from tests.http.conftest import LIMIT, Api

TAKES_TEXT = ("chat", "completions", "responses", "messages", "generate", "tokens", "preview")


def test_a_path_takes_what_it_needs(able: Api) -> None:
    small = [path for path in POSTS if (OPERATIONS["POST", path].max_bytes or LIMIT) < LIMIT]
    assert {"/v1/models/select", "/v1/models/unload", "/api/show", "/api/pull"} == set(small)
    for path in small:
        most = OPERATIONS["POST", path].max_bytes or 0
        result = able.post(path, b'"' + b"x" * most + b'"')
        assert result.status_code == 413
        assert f"larger than the {most} bytes" in result.text
        assert "max_body_bytes" not in result.text


def test_every_path_without_long_texts_has_a_limit_of_its_own() -> None:
    for path in POSTS:
        assert OPERATIONS["POST", path].max_bytes or any(word in path for word in TAKES_TEXT), path


def test_a_compressed_body_is_refused_by_its_header(able: Api) -> None:
    result = able.post("/api/show", b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert result.status_code == 400
    assert "Content-Encoding 'gzip'" in result.text
    assert able.post("/api/show", {"model": "x"}, headers={"Content-Encoding": "identity"}).status_code == 404


class Unread:
    """A body that must not be read."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError(f"{size} bytes were read")


def test_an_announced_length_is_refused_unread(able: Api) -> None:
    statuses: list[str] = []
    env = falcon.testing.create_environ("/v1/chat/completions", method="POST", host="localhost")
    env |= {"CONTENT_LENGTH": str(LIMIT + 1), "wsgi.input": Unread(), "wsgi.input_terminated": True}
    able.app(env, lambda status, headers, *more: statuses.append(status))
    assert [status[:3] for status in statuses] == ["413"]


def test_the_room_is_bounded_and_given_back() -> None:
    room = Room(100)
    room.take(60)
    with pytest.raises(BodiesFull):
        room.take(41)
    room.give_back(60)
    room.take(100)


class Slow:
    """A large body whose reader may do something before its last byte."""

    def __init__(self, size: int, before_last: Callable[[], None] = lambda: None) -> None:
        self._left, self._before_last = size, before_last

    def read(self, size: int) -> bytes:
        if size >= self._left:
            self._before_last()
        found = min(size, self._left)
        self._left -= found
        return b" " * found


def request(bodies: Bodies, body: Slow, size: int) -> Any:
    env = falcon.testing.create_environ("/v1/chat/completions", method="POST", host="localhost")
    env |= {"CONTENT_LENGTH": str(size), "wsgi.input": body, "wsgi.input_terminated": True}
    req = falcon.Request(env)
    req.uri_template = "/v1/chat/completions"
    return bodies.parse(req, dict, blank=b"{}")


def test_uploads_beyond_the_room_are_a_503_and_small_ones_are_taken() -> None:
    """Five large bodies are in memory at once: the fifth finds no room, and when all are gone there is room again."""
    most = 1_000_000
    bodies = Bodies(ENDPOINTS, Settings(max_body_bytes=most))
    outcomes: list[str] = []

    def nested(depth: int) -> None:
        try:
            request(bodies, Slow(most, lambda: nested(depth - 1) if depth else request_small()), most)
        except Exception as error:
            outcomes.append(type(error).__name__)

    def request_small() -> None:
        with pytest.raises(Exception, match="no JSON"):
            request(bodies, Slow(1000), 1000)
        outcomes.append("small")

    nested(4)
    # All spaces are no JSON, so whatever was read whole is a BadRequest.
    assert outcomes == ["BodiesFull", "BadRequest", "BadRequest", "BadRequest", "BadRequest"]
    outcomes.clear()
    nested(3)
    assert outcomes == ["small", "BadRequest", "BadRequest", "BadRequest", "BadRequest"]
    assert BodiesFull("").retry_after
