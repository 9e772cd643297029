"""How many tokens a model makes of what is estimated, from what its engine counted; the estimate alone until it has."""

from __future__ import annotations

import math
from collections import deque

from services.chat.rag.words import unspaced
from services.chat.tokens import Counter, estimate
from services.core.model import Model
from services.core.request import EngineRequest

RECENT = 32
"""Prompts of which the one that needed the most tokens counts: an answer cut short is worse than a source less."""

TRUSTED = 4
"""Prompts from which on the estimate is lowered; a single one raises it."""

MARGIN = 1.03
"""What the next prompt may need beyond the worst of the recent ones."""

BOUNDS = (0.5, 4.5)
"""What is believed of a ratio; a vocabulary without Chinese needs a token for each of a character's three bytes."""

SHORTEST, LONGEST = 1000, 32_000
"""Characters of a prompt that says something and is counted in a few milliseconds."""


class TokenRatios:
    """Counted tokens to estimated ones, by model and kind of script: vocabularies differ most there."""

    def __init__(self) -> None:
        self._recent: dict[tuple[str, bool], deque[float]] = {}

    def counter(self, model: Model) -> Counter:
        """The estimate as the model's own counts correct it."""
        ratios = {kind: self._ratio(model.id, kind) for kind in (False, True)}
        return lambda text: math.ceil(estimate(text) * ratios[_is_unspaced(text)])

    def note(self, request: EngineRequest, prompt_tokens: int) -> None:
        """Remember how many tokens the prompt of `request` came to; 0 where nobody counted."""
        text = "\n\n".join(message.text for message in request.messages)
        if prompt_tokens and not request.tools and SHORTEST <= len(text) <= LONGEST:
            key = request.model.id, _is_unspaced(text)
            recent = self._recent.setdefault(key, deque(maxlen=RECENT))
            recent.append(prompt_tokens / estimate(text))

    def _ratio(self, model: str, kind: bool) -> float:
        recent = self._recent.get((model, kind), ())
        least = BOUNDS[0] if len(recent) >= TRUSTED else 1.0
        return min(BOUNDS[1], max(least, max(recent, default=0.0) * MARGIN))


def _is_unspaced(text: str) -> bool:
    """Whether a quarter of `text` is of scripts without blanks."""
    return unspaced(text) * 4 > len(text)
