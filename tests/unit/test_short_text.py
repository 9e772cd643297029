"""An error repeats little of what a client sent."""

from __future__ import annotations

import pytest

from services.core.errors import BadRequest
from services.core.short_text import MOST_MESSAGE, MOST_QUOTED


@pytest.mark.parametrize(
    "text", ["a" * 300, "a" * 10_000_000, "'" * 500, "\"'" * 500, "`a`" * 200, "\\" * 500, "\n" * 500]
)
def test_a_quoted_text_loses_its_middle(text: str) -> None:
    message = BadRequest(f"There is no model {text!r}; choose one that is there.").message
    assert len(message) <= MOST_QUOTED + 60
    assert message.startswith("There is no model ")
    assert message.endswith("; choose one that is there.")


def test_a_long_message_loses_its_middle() -> None:
    error = BadRequest("Begin. " + "word " * 1000 + "End.", param="a" * 1000)
    assert len(error.message) <= MOST_MESSAGE
    assert error.message.startswith("Begin.")
    assert error.message.endswith("End.")
    assert str(error) == error.message
    assert error.param
    assert len(error.param) <= MOST_QUOTED


def test_a_short_message_stays_as_it_is() -> None:
    assert BadRequest("The field 'a' isn't 'b'.").message == "The field 'a' isn't 'b'."
