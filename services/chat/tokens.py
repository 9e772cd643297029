"""How many tokens a text needs, guessed where no tokenizer is at hand. Errs on the high side. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import add
from typing import NamedTuple

from services.chat.common_pairs import PAIRS
from services.core.request import EngineRequest

Counter = Callable[[str], int]
"""Tokens of a text, exact or guessed high."""

TOKENS_PER_MESSAGE = 16
"""Room for a chat template's role markers."""


LONGEST = 512
"""Characters that no token of any vocabulary has more of; the longest in use are runs of 128 blanks."""


def fewest(request: EngineRequest) -> int:
    """Tokens that the prompt of `request` has at least: each message one, and as many as its text takes."""
    characters = len(request.prompt) + sum(len(message.text) for message in request.messages)
    return max(len(request.messages), len(request.generation.prompt_ids), characters // LONGEST)


class Latin(NamedTuple):
    """Tokens of Latin words beyond one for the word with its blank."""

    letter: float
    """Each letter beyond the fourth: long words fall into pieces."""
    capital: float
    """A word with a capital: names are in no vocabulary."""
    accent: float
    """An accented letter: it breaks a word into more pieces."""


WORD = 0.37
"""A Latin word of up to four letters; with the blank before it one token."""

ENGLISH = Latin(0.06, 0.18, 0.85)
"""Every vocabulary holds most words of English."""

READ = Latin(0.31, 0.0, 0.1)
"""German, French, Spanish, Portuguese, Italian, Dutch: vocabularies hold their common words."""

UNREAD = Latin(0.48, 0.0, 0.8)
"""All others, by those that need the most: Czech and Finnish."""

TOLD = 0.1
"""The share of a language's commonest words from which on a text is taken for one of it."""


def _han(common: bool) -> str:
    """The characters of the national standard's first level, 3,755 in everyday use, or all others."""
    pages = range(0x4E00, 0xA000)
    return "".join(chr(code) for code in pages if (b"" < chr(code).encode("gb2312", "ignore") < b"\xd8") is common)


PIECES = (
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
"""Tokens per character, measured with a vocabulary of 150,000 entries; the class of the most text comes first. A blank
stands for the start of the word behind it."""

OTHER = 2.0
"""Everything else: symbols, emoji, scripts that vocabularies hold few words of."""

COMMON_PAIR = 0.6
"""What two characters need less where they are one of the commonest words."""

LONELY = 1.0
"""What a blank or a sign adds where the piece after it cannot swallow it."""

MARGIN = 1.08
"""What the worst of a few thousand texts in twenty languages needed beyond the rates."""

_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+")
_ENGLISH_WORDS = frozenset({"the", "of", "and", "to", "in", "is", "that", "for"})
_READ_WORDS = frozenset(
    re.findall(
        "[a-z]+",
        "der die und von das den mit le les des et du est un la de el los las que por con en os do da em il di che per "
        "della het een van",
    )
)
_ACCENT = re.compile(r"[\u00c0-\u024f]")
_LONELY = re.compile(r"[^\S\n](?=[\d\u3000-\u9fff\uff00-\uffef])|[!-/:-@\[-`{-~](?=[\u3400-\u9fff])")
_CLASSES = [(re.compile(f"{pattern}+"), rate) for pattern, rate in PIECES]


def estimate(text: str) -> int:
    """Tokens of `text`, guessed high for vocabularies of 100,000 entries and more. Linear."""
    words = _LATIN.findall(text)
    letters = sum(map(len, words))
    tokens = _latin(words, text) + len(_LONELY.findall(text)) * LONELY
    for pattern, rate in _CLASSES:
        if letters == len(text):
            break
        size = sum(map(len, pattern.findall(text)))
        tokens += size * rate
        letters += size
    if not text.isascii():
        tokens -= sum(map(PAIRS.__contains__, map(add, text, text[1:]))) * COMMON_PAIR
    return int((tokens + max(0, len(text) - letters) * OTHER) * MARGIN) + 2


def _latin(words: list[str], text: str) -> float:
    rates = _rates(words)
    tokens = len(words) * WORD + sum(len(word) - 4 for word in words if len(word) > 4) * rates.letter
    tokens += sum(word[0].isupper() for word in words) * rates.capital if rates.capital else 0.0
    return tokens + (0 if text.isascii() else len(_ACCENT.findall(text)) * rates.accent)


def _rates(words: list[str]) -> Latin:
    if sum(map(_ENGLISH_WORDS.__contains__, words)) > len(words) * TOLD:
        return ENGLISH
    return READ if sum(map(_READ_WORDS.__contains__, words)) > len(words) * TOLD else UNREAD
