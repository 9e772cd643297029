"""How many tokens a text needs, guessed where no tokenizer is at hand. Errs on the high side. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

Counter = Callable[[str], int]
"""Tokens of a text, exact or guessed high."""

LATIN = (0.85, 0.47)
"""Tokens of a Latin word of up to four letters, with the blank before it, and of each further letter: most long words
fall into pieces."""

ENGLISH = (0.84, 0.25)
"""The same in English text, whose words every vocabulary holds."""

ENGLISH_SHARE = 0.1
"""The share of English's commonest words from which on a text is taken for English."""

ACCENT = 0.9
"""What an accented letter adds: it breaks a word into more pieces."""


def _han(common: bool) -> str:
    """The characters of the national standard's first level, 3,755 in everyday use, or all others."""
    pages = range(0x4E00, 0xA000)
    return "".join(chr(code) for code in pages if (b"" < chr(code).encode("gb2312", "ignore") < b"\xd8") is common)


PIECES = (
    (rf"[{_han(common=True)}]", 0.74),
    (rf"[{_han(common=False)}]", 1.6),
    (r"[\u3400-\u4dbf\u3000-\u303f\uff00-\uffef\uac00-\ud7af\u3040-\u30ff]", 0.95),
    (r"[\u0400-\u052f]", 0.52),
    (r"[\u0600-\u06ff\u0590-\u05ff]", 0.58),
    (r"[\u0370-\u03ff\u0900-\u097f\u1f00-\u1fff]", 1.1),
    (r"[\u0e00-\u0e7f]", 0.75),
    (r"[\u0980-\u0dff]", 1.6),
    (r"\d", 1.0),
    (r"[!-/:-@\[-`{-~]", 0.8),
    (r"\n", 0.9),
    (r"[^\S\n]", 0.05),
)
"""Tokens per character, measured with a vocabulary of 150,000 entries; the class of the most text comes first."""

OTHER = 2.0
"""Everything else: symbols, emoji, scripts that vocabularies hold few words of."""

MARGIN = 1.05
"""What the worst of a few hundred texts in ten languages needed beyond the rates."""

LONELY_BLANK = 0.95
"""What a blank adds where the piece after it cannot swallow it."""

_LONELY_BLANK = re.compile(r"[^\S\n](?=[\d\u3000-\u9fff\uff00-\uffef])")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+")
_COMMON = frozenset({"the", "of", "and", "to", "in", "is", "that", "for"})
_ACCENT = re.compile(r"[\u00c0-\u024f\u1e00-\u1eff]")
_CLASSES = [(re.compile(f"{pattern}+"), rate) for pattern, rate in PIECES]


def estimate(text: str) -> int:
    """Tokens of `text`, guessed high for vocabularies of 100,000 entries and more. Linear."""
    words = _LATIN.findall(text)
    letters = sum(map(len, words))
    common = sum(word in _COMMON for word in words)
    word_rate, letter_rate = ENGLISH if common > len(words) * ENGLISH_SHARE else LATIN
    tokens = len(words) * word_rate + sum(len(word) - 4 for word in words if len(word) > 4) * letter_rate
    tokens += 0 if text.isascii() else len(_ACCENT.findall(text)) * ACCENT
    tokens += len(_LONELY_BLANK.findall(text)) * LONELY_BLANK
    for pattern, rate in _CLASSES:
        if letters == len(text):
            break
        size = sum(map(len, pattern.findall(text)))
        tokens += size * rate
        letters += size
    return int((tokens + max(0, len(text) - letters) * OTHER) * MARGIN) + 1
