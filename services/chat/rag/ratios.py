"""Correct the token estimate for each model, from the prompt lengths that its engine counted."""

from __future__ import annotations

import math
from collections import deque

from services.chat.rag.words import count_unspaced
from services.chat.tokens import Counter, estimate_tokens, sample_text
from services.core.model import Model
from services.core.request import EngineRequest

MAX_RECENT = 32
"""Number of recent prompts that are remembered. The one that needed the most tokens counts, because an answer that
is cut short is worse than one source less."""

MIN_TO_LOWER = 4
"""Number of prompts from which the estimate may be lowered. A single one may raise it."""

MARGIN = 1.03
"""Factor for what the next prompt may need in addition to the worst of the recent ones."""

BOUNDS = (0.5, 4.5)
"""Lowest and highest ratio that is believed. A vocabulary without Chinese needs up to three tokens, one per byte,
for a character that is estimated at about two thirds of a token."""

MIN_CHARACTERS, MAX_CHARACTERS = 1000, 32_000
"""Characters of the prompts that are used: a shorter one says little, and a longer one takes more than a few
milliseconds to estimate."""


class TokenRatios:
    """Record the ratio of counted to estimated tokens, for each model and kind of script.

    Scripts with and without blanks are separate, since vocabularies differ most between them.
    """

    def __init__(self) -> None:
        self._recent: dict[tuple[str, bool], deque[float]] = {}

    def counter(self, model: Model) -> Counter:
        """Return a function that estimates the tokens of a text, corrected by the recorded ratios of the model."""
        ratios = {kind: self._ratio(model.id, kind) for kind in (False, True)}
        return lambda text: math.ceil(estimate_tokens(text) * ratios[_is_unspaced(text)])

    def record(self, request: EngineRequest, prompt_tokens: int) -> None:
        """Record that the prompt of `request` had `prompt_tokens` tokens; 0 (nobody counted) is skipped."""
        text = "\n\n".join(message.text for message in request.messages)
        # The template may render the tools, and then `text` does not contain them.
        if prompt_tokens and not request.tools and MIN_CHARACTERS <= len(text) <= MAX_CHARACTERS:
            key = request.model.id, _is_unspaced(text)
            recent = self._recent.setdefault(key, deque(maxlen=MAX_RECENT))
            recent.append(prompt_tokens / estimate_tokens(text))

    def _ratio(self, model: str, kind: bool) -> float:
        recent = self._recent.get((model, kind), ())
        lowest = BOUNDS[0] if len(recent) >= MIN_TO_LOWER else 1.0
        return min(BOUNDS[1], max(lowest, max(recent, default=0.0) * MARGIN))


def _is_unspaced(text: str) -> bool:
    """Return whether more than a quarter of `text` is in scripts without blanks; of a long one, a sample decides."""
    sample = sample_text(text)
    return count_unspaced(sample) * 4 > len(sample)
