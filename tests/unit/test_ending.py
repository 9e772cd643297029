"""How a conversation may end, and what becomes of it."""

from __future__ import annotations

import pytest

from services.chat.ending import left_out, with_clear_end
from services.core.errors import BadRequest
from services.core.message import Message, Messages, TextPart, ToolCall, message

USER = message("user", "Count.")
ONE, TWO, EMPTY, BLANK = (message("assistant", text) for text in ("One,", "two,", "", " \n"))
NONE = Message("assistant")
CALL = Message("assistant", calls=(ToolCall("id", "look", "{}"),))
TEXT_AND_CALL = Message("assistant", (TextPart("I look."),), CALL.calls)
RESULT = Message("tool", (TextPart("sun"),), call_id="id")


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        ((USER,), (USER,)),
        ((USER, ONE), (USER, ONE)),
        ((USER, EMPTY), (USER,)),
        ((USER, NONE), (USER,)),
        ((USER, BLANK, NONE), (USER,)),
        ((USER, ONE, TWO), (USER, Message("assistant", (*ONE.parts, *TWO.parts)))),
        ((USER, ONE, EMPTY), (USER, ONE)),
        ((USER, CALL), (USER,)),
        ((USER, TEXT_AND_CALL), (USER, message("assistant", "I look."))),
        ((USER, CALL, ONE), (USER, ONE)),
        ((USER, CALL, RESULT), (USER, CALL, RESULT)),
        ((USER, EMPTY, USER), (USER, EMPTY, USER)),
        ((ONE,), (ONE,)),
    ],
)
def test_the_end_is_clear(messages: Messages, sent: Messages) -> None:
    assert with_clear_end(messages) == sent


@pytest.mark.parametrize("messages", [(EMPTY,), (CALL, NONE)])
def test_a_conversation_of_nothing_is_refused(messages: Messages) -> None:
    with pytest.raises(BadRequest, match="no message to answer"):
        with_clear_end(messages)


def test_only_calls_that_are_left_out_are_named() -> None:
    assert list(left_out((USER, CALL))) == ["tool_calls of the last message"]
    assert not list(left_out((USER, CALL, RESULT)))
    assert not list(left_out((USER, EMPTY)))
