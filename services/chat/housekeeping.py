"""Recognise the requests that a chat page sends on its own: titles, tags, follow-up questions.

Nobody waits for their answers, so they run with low priority.
"""

from __future__ import annotations

import re

from services.core.message import Messages

_HOUSEKEEPING = re.compile(
    r"### Task:\n(?:Generate a concise\b[^\n]{0,80} title\b|Generate 1-3 broad tags\b|Suggest 3-5 relevant follow-up\b)"
)
"""The beginning of Open WebUI's own prompts for these, in its versions 0.6 to 0.12.

Its prompt for search queries is not included: `search_queries` answers it. ``### Task:`` alone is not enough, since its
prompt for sources begins with it too."""

_HISTORY = "<chat_history>"
"""The tag around the conversation that these prompts quote."""


def is_housekeeping(messages: Messages) -> bool:
    """Return whether `messages` are such a prompt. A person who types one only waits a little longer."""
    if len(messages) != 1:
        return False
    text = messages[0].text
    return messages[0].role == "user" and bool(_HOUSEKEEPING.match(text)) and _HISTORY in text
