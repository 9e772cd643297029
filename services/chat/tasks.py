"""What a chat page asks on its own, with nobody waiting for the answer: titles, tags, follow-up questions. Pure."""

from __future__ import annotations

import re

from services.core.message import Messages

_HOUSEKEEPING = re.compile(
    r"### Task:\n(?:Generate a concise\b[^\n]{0,80} title\b|Generate 1-3 broad tags\b|Suggest 3-5 relevant follow-up\b)"
)
"""How Open WebUI's own prompts for these begin, in 0.6 to 0.12. Its prompt for search queries is not among them: the
person's question waits for those. ``### Task:`` alone means nothing, since its prompt for sources begins so too."""

_HISTORY = "<chat_history>"
"""Where it quotes the conversation."""


def is_housekeeping(messages: Messages) -> bool:
    """Whether the one message there is is such a prompt; a person who types one waits a little longer at worst."""
    if len(messages) != 1:
        return False
    text = messages[0].text
    return messages[0].role == "user" and bool(_HOUSEKEEPING.match(text)) and _HISTORY in text
