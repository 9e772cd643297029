"""Split text of any script into comparable terms.

A word in a script with blanks is folded, freed of attached particles and cut to its first letters. A run in a script
without blanks becomes all its groups of neighbouring characters. Dictionaries and stemmers per language find no more
(docs/rag.md).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import compress

BMP = 0x10000
"""Character classes cover the first plane of Unicode. Rarer scripts beyond it still match as letters."""


def char_class(belongs: Callable[[str], bool]) -> str:
    """Return the inside of a character class with all first-plane characters for which `belongs` is true."""
    plane = range(0xA0, BMP)
    ranges: list[list[int]] = []
    for code in compress(plane, map(belongs, map(chr, plane))):
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
is_east_asian = re.compile("[\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff]").match
"""Matches a word in Chinese or Japanese."""
_ASCII_WORDS = bytes(code if chr(code).isalnum() else ord(" ") for code in range(256))
"""Letters and digits of ASCII as they are, everything else as blanks: splitting takes a fifth of a search."""
_PLAIN_WORD = re.compile(r"[^\W_]+")
_needs_care = re.compile(rf"[{UNSPACED}{MARKS}]").search
"""Finds characters of scripts without blanks, and marks."""
_RUN = re.compile(rf"[{UNSPACED}]+")
_in_alphabet = re.compile("[\u0e00-\u0eff\u1780-\u17ff\u1000-\u109f]").match
"""Matches a run of Thai, Lao, Khmer or Burmese."""
_DIACRITICS = re.compile("[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u0640\u0591-\u05c7]")
"""Accents, and Arabic and Hebrew points, which writers often omit."""
_VIETNAMESE = re.compile("[\u0309\u031b\u0323]|[\u0300-\u036f]{2}").search
"""Finds the horn, the hook, the dot below, or two accents on one letter. Vietnamese words differ by them alone."""
_ATTACHED = re.compile(
    "(?:[\u0648\u0641\u0628\u0643]?\u0627\u0644|\u0644\u0644|\u0648|[\u05d5\u05d4\u05d1\u05dc\u05de\u05e9\u05db]{1,2})(?=.{3})"
).match
"""Matches what Arabic and Hebrew write as the beginning of a word: the article, "and", and prepositions before it."""

_has_digit = re.compile(r"\d").search

STEM_LENGTH = 6
"""Letters of a word that are compared: enough to distinguish words, few enough to drop most endings."""

MIN_VARIANT = 3
"""Letters that a word and its variant share at least; one more if the ending has two letters."""


def find_words(text: str) -> list[str]:
    """Return the words of `text` in order, as `WORD` finds them; for most texts something simpler does."""
    if text.isascii():
        return text.encode().translate(_ASCII_WORDS).decode().split()
    return (WORD if _needs_care(text) else _PLAIN_WORD).findall(text)


def count_unspaced(text: str) -> int:
    """Return the number of characters of `text` in scripts without blanks."""
    return 0 if text.isascii() else sum(map(len, _RUN.findall(text)))


@lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """Return a lower-case word without accents, but with those that are letters of their own in Vietnamese."""
    if word.isascii():
        return word
    marked = unicodedata.normalize("NFKD", word)
    return unicodedata.normalize("NFC", word) if _VIETNAMESE(marked) else _DIACRITICS.sub("", marked)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return a lower-case word without accents, attached particles and endings."""
    plain = fold(word)
    attached = None if plain.isascii() else _ATTACHED(plain)
    plain = plain[attached.end() :] if attached else plain
    # A number must match as a whole, and so must a name that has one: "Room217".
    return plain if _has_digit(plain) else plain[:STEM_LENGTH]


def grams(run: str) -> Sequence[str]:
    """Return the groups of neighbouring characters of `run`, which is in a script without blanks.

    These are pairs of Chinese or Japanese characters, and triples of the letters of an alphabet, which say less each.
    """
    size = 3 if _in_alphabet(run) else 2
    return [run[i : i + size] for i in range(max(1, len(run) - size + 1))]


def terms(text: str) -> list[str]:
    """Return the terms of `text` in order."""
    result: list[str] = []
    for word in WORD.findall(text.lower()):
        result += grams(word) if starts_unspaced(word) else [stem(word)]
    return result


def shorter_forms(word: str) -> Iterable[str]:
    """Return `word` without its last letter, and without its last two, where enough letters remain.

    Digits are no ending: "room21" is another name than "room217".
    """
    return [word[:-cut] for cut in (1, 2) if len(word) - cut >= MIN_VARIANT + cut - 1 and not _has_digit(word[-cut:])]
