"""The fuzzer: its requests end soon, repeat themselves, and no bad answer passes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, seed, settings

from services.api.app import ENDPOINTS
from services.api.openapi.document import document
from tests.conformance.fuzz.requests import Maker, Request, few
from tests.conformance.fuzz.run import judged
from tests.conformance.fuzz.wire import Wire, fault


def test_long_answers_are_not_asked_for() -> None:
    assert few({"max_tokens": 500, "options": {"num_predict": -1}}) == {"max_tokens": 2, "options": {"num_predict": 2}}
    assert few({"max_tokens": [5], "top_k": 500, "n": 10**40}) == {"max_tokens": [5], "top_k": 500, "n": 10**40}


def drawn(number: int) -> list[Request]:
    found: list[Request] = []
    strategy = Maker(document(ENDPOINTS)).requests()

    def note(request: Request) -> None:
        found.append(request)

    chosen = settings(max_examples=40, phases=[Phase.generate], database=None, deadline=None)
    seed(number)(chosen(given(strategy)(note)))()
    return found


def test_a_seed_gives_the_same_requests_again() -> None:
    assert drawn(1) == drawn(1) != drawn(2)


ASKED = Request("POST", "/v1/chat/completions", b"{}")


@pytest.mark.parametrize(
    ("status", "answer", "wrong"),
    [
        (200, b"{}", ""),
        (400, b'{"error": 1}', ""),
        (503, b"{}", ""),
        (500, b"{}", "status 500"),
        (404, b"<html>", "without JSON"),
        (200, b'data: {"error":{"code":"engine_failed"}}', "an answer that broke"),
    ],
)
def test_a_bad_answer_is_found(status: int, answer: bytes, wrong: str) -> None:
    found = judged(status, answer, ASKED)
    assert wrong in found
    assert bool(found) == bool(wrong)


def wire(**changes: Any) -> Wire:
    return Wire(**{"head": b"", "body": b"", "pieces": 1, "ambiguous": True, **changes})


def test_a_second_request_inside_a_body_is_found() -> None:
    once = b"HTTP/1.1 400 Bad Request\r\n\r\n{}"
    assert fault(wire(), once) == ""
    assert fault(wire(), once + once) == "2 answers to one request"
    assert fault(wire(ambiguous=False), once + once) == ""
