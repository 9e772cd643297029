"""What llama.cpp's errors mean for a client."""

from __future__ import annotations

import pytest

from services.engines.llama.refusals import refusal

DEAD_END = "got exception: Unexpected empty grammar stack after accepting piece: 6 (38)"
TOOL = "Automatic parser generation failed: JSON schema error at #/$defs/tool0/properties/a: enum must be a list.\n"


@pytest.mark.parametrize(
    ("code", "message", "kind", "told"),
    [
        (500, DEAD_END, "bad_request", "nothing satisfies it"),
        (400, TOOL, "bad_request", "must be called: at #/properties/a: enum must be a list."),
        (400, "Prompt contains invalid tokens", "bad_request", "Prompt contains invalid tokens"),
        (500, "out of memory", "failed", "out of memory"),
    ],
)
def test_whose_fault_an_error_is(code: int, message: str, kind: str, told: str) -> None:
    found = refusal({"code": code, "message": message})
    assert found.kind == kind
    assert told in str(found)
