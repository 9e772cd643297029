"""What llama.cpp's errors mean for a client."""

from __future__ import annotations

import pytest

from services.engines.llama.refusals import refusal


@pytest.mark.parametrize(
    ("code", "message", "kind", "told"),
    [
        (400, "Prompt contains invalid tokens", "bad_request", "Prompt contains invalid tokens"),
        (500, "out of memory", "failed", "out of memory"),
    ],
)
def test_whose_fault_an_error_is(code: int, message: str, kind: str, told: str) -> None:
    found = refusal({"code": code, "message": message})
    assert found.kind == kind
    assert told in str(found)
