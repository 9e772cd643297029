"""Convert logprobs to the two shapes that OpenAI has for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from services.api.dialects.openai.schemas import ChatLogprobs, TextLogprobs
from services.core.events import TokenLogprob


def chat_logprobs(entries: Iterable[TokenLogprob]) -> ChatLogprobs | None:
    """Return a chat's logprobs, None where there are none."""
    content = list(entries)
    return ChatLogprobs(content=content) if content else None


def text_logprobs(entries: Iterable[TokenLogprob]) -> TextLogprobs | None:
    """Return logprobs in the legacy shape, None where there are none."""
    entries = list(entries)
    if not entries:
        return None
    return TextLogprobs(
        tokens=[entry.token for entry in entries],
        token_logprobs=[entry.logprob for entry in entries],
        # As with OpenAI, the chosen token is listed too where it is not among the most likely.
        top_logprobs=[{top.token: top.logprob for top in (*entry.top_logprobs, entry)} for entry in entries],
        text_offset=offsets(entries),
    )


def offsets(entries: list[TokenLogprob]) -> list[int]:
    """Return where each token starts, in characters from the first."""
    starts = [0]
    for entry in entries[:-1]:
        starts.append(starts[-1] + len(entry.token))
    return starts
