"""Estimate the tokens of a text without a tokenizer. The estimate is high rather than low.

The rates were measured with Qwen's vocabulary of 150,000 entries on 8,900 passages in 21 languages. docs/rag.md says
why no exact tokenizer is used, and how far other vocabularies differ.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from operator import add
from types import MappingProxyType
from typing import NamedTuple

from services.chat.common_pairs import PAIRS
from services.core.errors import BadRequest
from services.core.request import EngineRequest

Counter = Callable[[str], int]
"""Counts the tokens of a text, exactly or by a high estimate."""

TOKENS_PER_MESSAGE = 16
"""Tokens that a chat template adds to each message for its role."""


TOKEN_BYTES = 64
"""Bytes of UTF-8 per token of the context that an engine tokenizes at once: ten times what text in any language has.
More would hold the engine for a minute, and take gigabytes. Only runs of 128 blanks have more, and are refused too."""


def size(text: str | tuple[int, ...]) -> int:
    """Return the bytes of a text as UTF-8, or the number of token ids. Takes 10 ms for the largest body."""
    return len(text) if isinstance(text, tuple) or text.isascii() else len(text.encode(errors="replace"))


def minimum_tokens(request: EngineRequest) -> int:
    """Return the fewest tokens that the prompt of `request` can have: one per message, and what its bytes need."""
    texts = (request.prompt, *(message.text for message in request.messages))
    return max(len(request.messages), len(request.generation.prompt_ids), sum(map(size, texts)) // TOKEN_BYTES)


CONVERSIONS: Mapping[str, str] = MappingProxyType({
    "tokenize": "prompt", "detokenize": "tokens", "count": "messages", "score": "prompt",
})  # fmt: skip
"""The kinds of requests about tokens, with the field that has the text or the ids."""


def check_conversion(request: EngineRequest) -> None:
    """Check that a request about tokens is no longer than it can have a use for. Raises `BadRequest`."""
    if request.kind not in CONVERSIONS:
        return
    texts = (*(message.text for message in request.messages), *request.inputs)
    total, most = sum(map(size, texts)), TOKEN_BYTES * request.model.context_length
    if total > most:
        raise BadRequest(
            f"The request has {total} bytes of text or tokens, and the model {request.model.id!r}, whose context has "
            f"{request.model.context_length} tokens, converts at most {most} at once. Send the text in pieces.",
            param="messages" if request.messages else CONVERSIONS[request.kind],
        )


class Latin(NamedTuple):
    """Tokens of a Latin word in addition to `LATIN_WORD`."""

    letter: float
    """For each letter after the fourth: long words are split into pieces."""
    capital: float
    """For a word that begins with a capital: few names are in a vocabulary."""
    accent: float
    """For each accented letter: it splits the word further."""


LATIN_WORD = 0.37
"""Tokens of a Latin word of up to four letters. The blank before it counts separately; together they are one token."""

ENGLISH = Latin(0.06, 0.18, 0.85)
"""Rates for English: vocabularies contain most of its words."""

WESTERN = Latin(0.31, 0.0, 0.1)
"""Rates for German, French, Spanish, Portuguese, Italian, Dutch: vocabularies contain their common words."""

OTHER_LATIN = Latin(0.48, 0.0, 0.8)
"""Rates for all other languages with Latin letters, measured on the two that need the most: Czech and Finnish."""

LANGUAGE_SHARE = 0.1
"""Share of frequent words of a language, 0 to 1, from which a text counts as that language."""


def _han(common: bool) -> str:
    """Return the characters of the first level of GB 2312, 3,755 in everyday use, or all other Chinese characters."""
    pages = range(0x4E00, 0xA000)
    return "".join(chr(code) for code in pages if (b"" < chr(code).encode("gb2312", "ignore") < b"\xd8") is common)


CHARACTER_RATES = (
    (rf"[{_han(common=True)}]", 0.66),
    (rf"[{_han(common=False)}]", 1.25),
    (r"[\u3400-\u4dbf\uac00-\ud7af\u3040-\u30ff]", 0.72),
    (r"[\u3000-\u303f\uff00-\uffef]", 1.15),
    (r"[\u0400-\u052f]", 0.28),
    (r"[\u0600-\u06ff\u0590-\u05ff]", 0.32),
    (r"[\u0370-\u03ff\u0900-\u097f\u1f00-\u1fff]", 0.98),
    (r"[\u0e00-\u0e7f]", 0.56),
    (r"[\u0980-\u0dff]", 1.6),
    (r"\d", 1.0),
    (r"[!-/:-@\[-`{-~]", 0.7),
    (r"\n", 1.2),
    (r"[^\S\n]", 0.63),
)
"""Tokens per character for each class of characters; the first classes are those of the most text. A blank also
stands for the start of the word behind it."""

OTHER_CHARACTER = 2.0
"""Tokens per character of everything else: symbols, emoji, scripts that vocabularies contain few words of."""

COMMON_PAIR = 0.6
"""Tokens that two characters need less if they are one of the most frequent Chinese words."""

UNMERGED = 1.0
"""Tokens that a blank or a sign adds if the following character cannot become one token with it."""

MARGIN = 1.08
"""Factor for what the worst of the measured passages needed in addition to the rates."""

MAX_READ = 65_536
"""Characters of a text that are read for an estimate: about 15,000 tokens, so prompts for a board are read as a
whole."""

SAMPLES = 16
"""Places of a longer text that are read instead."""

_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+")
_ENGLISH_WORDS = frozenset({"the", "of", "and", "to", "in", "is", "that", "for"})
_WESTERN_WORDS = frozenset(
    re.findall(
        "[a-z]+",
        "der die und von das den mit le les des et du est un la de el los las que por con en os do da em il di che per "
        "della het een van",
    )
)
_ACCENT = re.compile(r"[\u00c0-\u024f]")
_UNMERGED = re.compile(r"[^\S\n](?=[\d\u3000-\u9fff\uff00-\uffef])|[!-/:-@\[-`{-~](?=[\u3400-\u9fff])")
_CLASSES = [(re.compile(f"{pattern}+"), rate) for pattern, rate in CHARACTER_RATES]
_LATIN_CLASSES = _CLASSES[-4:]
"""The classes of digits and signs."""
_is_beyond_latin = re.compile(r"[\u0370-\u1fff\u3000-\uffff]").search
"""Finds a character that may be in another class than these."""


def sample_text(text: str) -> str:
    """Return `text`, or of a text longer than `MAX_READ` characters as many characters from all over it."""
    if len(text) <= MAX_READ:
        return text
    size = MAX_READ // SAMPLES
    last = len(text) - size
    return "".join(text[start : start + size] for start in range(0, last + 1, last // (SAMPLES - 1)))


def estimate_tokens(text: str) -> int:
    """Return the tokens of `text`, estimated high for vocabularies of 100,000 entries and more.

    Reads `MAX_READ` characters at most, so it takes about 10 ms at most.
    """
    sample = sample_text(text)
    return math.ceil(_estimate(sample) * len(text) / len(sample)) if text else _estimate(text)


def _estimate(text: str) -> int:
    words = _LATIN.findall(text)
    letters = sum(map(len, words))
    tokens = _latin(words, text) + len(_UNMERGED.findall(text)) * UNMERGED
    for pattern, rate in _CLASSES if _is_beyond_latin(text) else _LATIN_CLASSES:
        if letters == len(text):
            break
        size = sum(map(len, pattern.findall(text)))
        tokens += size * rate
        letters += size
    # ASCII has no Chinese pairs; the test is much cheaper than the look-ups.
    if not text.isascii():
        tokens -= sum(map(PAIRS.__contains__, map(add, text, text[1:]))) * COMMON_PAIR
    return int((tokens + max(0, len(text) - letters) * OTHER_CHARACTER) * MARGIN) + 2


def _latin(words: list[str], text: str) -> float:
    rates = _rates(words)
    tokens = len(words) * LATIN_WORD + sum(len(word) - 4 for word in words if len(word) > 4) * rates.letter
    tokens += sum(word[0].isupper() for word in words) * rates.capital if rates.capital else 0.0
    return tokens + (0 if text.isascii() else len(_ACCENT.findall(text)) * rates.accent)


def _rates(words: list[str]) -> Latin:
    if sum(map(_ENGLISH_WORDS.__contains__, words)) > len(words) * LANGUAGE_SHARE:
        return ENGLISH
    return WESTERN if sum(map(_WESTERN_WORDS.__contains__, words)) > len(words) * LANGUAGE_SHARE else OTHER_LATIN
