"""Which prompts are a chat page's own, and which are a person's."""

from __future__ import annotations

import pytest

from services.chat.housekeeping import is_housekeeping
from services.core.message import Messages, Role, message
from tests.openwebui import DEFAULT_TEMPLATE, TITLE

HISTORY = "\n### Chat History:\n<chat_history>\nUSER: hi\nASSISTANT:\n</chat_history>"


def chat(text: str, role: Role = "user") -> Messages:
    return (message(role, text),)


@pytest.mark.parametrize(
    "text",
    [
        TITLE,
        "### Task:\nGenerate a concise title summarizing the chat history." + HISTORY,
        "### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history." + HISTORY,
        "### Task:\nSuggest 3-5 relevant follow-up questions or prompts." + HISTORY,
    ],
)
def test_requests_that_open_webui_sends_on_its_own(text: str) -> None:
    assert is_housekeeping(chat(text))
    assert not is_housekeeping(chat("hi") + chat(text))
    assert not is_housekeeping(chat(text, "system"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "### Task:\n",
        DEFAULT_TEMPLATE,
        "### Task:\nAnalyze the chat history to determine the necessity of generating search queries." + HISTORY,
        "Generate a concise, 3-5 word title for this essay.",
        "### Task:\nGenerate a concise, 3-5 word title for this essay.",
        "Please explain: ### Task:\nGenerate 1-3 broad tags" + HISTORY,
    ],
)
def test_what_a_person_waits_for(text: str) -> None:
    assert not is_housekeeping(chat(text))
