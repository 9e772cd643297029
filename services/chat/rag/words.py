"""Words of any script as terms that can be compared: folded, light-stemmed by prefix, CJK as pairs of characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

BMP = 0x10000
"""Classes are built for the first plane: all living scripts but a few rare ones, which still match as letters."""


def char_class(belongs: Callable[[str], bool]) -> str:
    """The inside of a regular expression's class: all characters of the first plane that `belongs` names."""
    codes = [code for code in range(0xA0, BMP) if not 0xD800 <= code < 0xE000 and belongs(chr(code))]
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in ranges)


MARKS = char_class(lambda char: unicodedata.category(char)[0] == "M")
"""Combining marks: vowel signs of Indic scripts belong to their word, though ``\\w`` denies it."""

UNSPACED = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1780-\u17ff\u1000-\u109f"
"""Scripts written without blanks between words: kana, Han, Thai, Lao, Khmer, Burmese."""

EAST_ASIAN_SIGNS = "\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
"""Punctuation of Chinese and Japanese, as wide as their characters."""

EAST_ASIAN = f"\u2e80-\u2fff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff{EAST_ASIAN_SIGNS}"
"""Chinese and Japanese, which never part words by blanks; Thai parts sentences by them."""

WORD = re.compile(rf"[{UNSPACED}]+|(?:[^\W_{UNSPACED}][{MARKS}]*)+")
starts_unspaced = re.compile(rf"[{UNSPACED}]").match
"""Whether a word is of a script without blanks."""
_RUN = re.compile(rf"[{UNSPACED}]+")
_DIACRITICS = re.compile("[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u0640\u0591-\u05c7]")
"""Accents, Arabic and Hebrew points: readers leave them out at will."""

STEM = 6
"""Letters of a word that count: enough to tell words apart, few enough to drop most endings."""


def unspaced(text: str) -> int:
    """How many characters of `text` are of scripts without blanks."""
    return 0 if text.isascii() else sum(map(len, _RUN.findall(text)))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A lower-case word without accents and endings."""
    plain = word if word.isascii() else _DIACRITICS.sub("", unicodedata.normalize("NFKD", word))
    plain = plain.removeprefix("\u0627\u0644") if len(plain) > 4 else plain
    return plain[:STEM] if not plain.isdigit() else plain


def terms(text: str) -> list[str]:
    """The terms of `text` in order."""
    found: list[str] = []
    for word in WORD.findall(text.lower()):
        if starts_unspaced(word):
            found += [word[i : i + 2] for i in range(max(1, len(word) - 1))]
        else:
            found.append(stem(word))
    return found
