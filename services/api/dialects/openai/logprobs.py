"""Convert logprobs to the two shapes that OpenAI has for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from services.api.dialects.openai.schemas import ChatLogprobs, TextLogprobs
from services.core.events import PromptToken, TokenLogprob


def chat_logprobs(entries: Iterable[TokenLogprob]) -> ChatLogprobs | None:
    """Return a chat's logprobs, None where there are none."""
    content = list(entries)
    return ChatLogprobs(content=content) if content else None


def text_logprobs(entries: Iterable[TokenLogprob | PromptToken], start: int = 0) -> TextLogprobs | None:
    """Return logprobs in the legacy shape, None where there are none; the first token is at character `start`."""
    entries = list(entries)
    if not entries:
        return None
    return TextLogprobs(
        tokens=[entry.token for entry in entries],
        token_logprobs=[entry.logprob for entry in entries],
        top_logprobs=[most_likely(entry) for entry in entries],
        text_offset=offsets(entries, start),
    )


def most_likely(entry: TokenLogprob | PromptToken) -> dict[str, float] | None:
    """Return the alternatives of a token and itself; None for the first of a prompt, which nothing is known of."""
    if entry.logprob is None:
        return None
    # As with OpenAI, the chosen token is listed too where it is not among the most likely. Parts of characters have one
    # text; the likeliest of them counts, so that a chosen one does not pass for the likeliest token.
    tokens = [(entry.logprob, entry.token), *((top.logprob, top.token) for top in entry.top_logprobs)]
    return {token: logprob for logprob, token in sorted(tokens)}


def offsets(entries: Iterable[TokenLogprob | PromptToken], start: int) -> list[int]:
    """Return where each token starts, in characters; the first at `start`."""
    return list(accumulate((len(entry.token) for entry in entries), initial=start))[:-1]
