"""Split text of any script into comparable terms: folded, stemmed by prefix, and pairs of characters for CJK."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

BMP = 0x10000
"""Character classes cover the first plane of Unicode. Rarer scripts beyond it still match as letters."""


def char_class(belongs: Callable[[str], bool]) -> str:
    """Return the inside of a character class with all first-plane characters for which `belongs` is true."""
    codes = [code for code in range(0xA0, BMP) if not 0xD800 <= code < 0xE000 and belongs(chr(code))]
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in ranges)


MARKS = char_class(lambda char: unicodedata.category(char)[0] == "M")
r"""Combining marks. Vowel signs of Indic scripts belong to their word, but ``\w`` does not match them."""

UNSPACED = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1780-\u17ff\u1000-\u109f"
"""Scripts without blanks between words: kana, Han, Thai, Lao, Khmer, Burmese."""

EAST_ASIAN_SIGNS = "\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
"""Punctuation of Chinese and Japanese, which is as wide as their characters."""

EAST_ASIAN = f"\u2e80-\u2fff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff{EAST_ASIAN_SIGNS}"
"""Characters of Chinese and Japanese, which never separate words by blanks. Thai separates sentences by them."""

WORD = re.compile(rf"[{UNSPACED}]+|(?:[^\W_{UNSPACED}][{MARKS}]*)+")
starts_unspaced = re.compile(rf"[{UNSPACED}]").match
"""Matches a word in a script without blanks."""
_RUN = re.compile(rf"[{UNSPACED}]+")
_DIACRITICS = re.compile("[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u0640\u0591-\u05c7]")
"""Accents, and Arabic and Hebrew points, which writers often omit."""

STEM_LENGTH = 6
"""Letters of a word that are compared: enough to distinguish words, few enough to drop most endings."""


def count_unspaced(text: str) -> int:
    """Return the number of characters of `text` in scripts without blanks."""
    return 0 if text.isascii() else sum(map(len, _RUN.findall(text)))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return a lower-case word without accents and endings."""
    plain = word if word.isascii() else _DIACRITICS.sub("", unicodedata.normalize("NFKD", word))
    # The Arabic article is written as a part of the word.
    plain = plain.removeprefix("\u0627\u0644") if len(plain) > 4 else plain
    # A number must match as a whole.
    return plain[:STEM_LENGTH] if not plain.isdigit() else plain


def terms(text: str) -> list[str]:
    """Return the terms of `text` in order."""
    result: list[str] = []
    for word in WORD.findall(text.lower()):
        if starts_unspaced(word):
            result += [word[i : i + 2] for i in range(max(1, len(word) - 1))]
        else:
            result.append(stem(word))
    return result
