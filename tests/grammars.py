"""Try grammars without a model: what they allow, and texts that they make."""

from __future__ import annotations

import random

from llguidance import LLMatcher, LLTokenizer

from services.core.grammar import whole

BYTES = LLTokenizer("byte")


def allows(rules: str, text: str) -> bool:
    """Whether `text` is a whole answer."""
    matcher = LLMatcher(BYTES, whole(rules), log_level=0)
    return matcher.consume_tokens(list(text.encode())) and matcher.is_accepting()


def written(rules: str, seed: int, most: int = 600) -> str | None:
    """A whole answer, written by chance; None if it does not end within `most` bytes."""
    matcher, chance, text = LLMatcher(BYTES, whole(rules), log_level=0), random.Random(seed), bytearray()
    while len(text) < most:
        if matcher.is_accepting():
            return text.decode()
        mask = int.from_bytes(matcher.compute_bitmask(), "little")
        allowed = [token for token in range(256) if mask >> token & 1]
        # What ends a value comes first, as an answer would go on for ever otherwise.
        ends = [token for token in allowed if token in b'"]}']
        token = chance.choice(ends if ends and chance.random() < 0.5 else allowed)
        assert matcher.consume_token(token), matcher.get_error()
        text.append(token)
    return None
