"""Find the places of a document that a question names: "article 12", "the third chapter", "pages 3-5", "the end"."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from services.chat.rag.aim import looked_up
from services.chat.rag.headings import plain_number
from services.chat.rag.lexicon import Lexicon
from services.chat.rag.words import MARKS, WORD, fold

NEAR = 2
"""Words between a number in words and the kind of a place behind it at most: "the third long chapter"."""

MOST = 20
"""Places that "pages 3 to 90" names at most."""


MOST_MISSING = 3
"""Places that a prompt says are missing at most."""


def _meanings() -> dict[str, tuple[str, ...]]:
    """Return what each word can mean; a star at its end stands for any ending."""
    found: dict[str, tuple[str, ...]] = {}
    lines = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    for meaning, *words in (line.split() for line in lines if line and line[0] != "#"):
        for word in map(fold, words):
            found[word] = (*found.get(word, ()), meaning)
    return found


_MEANINGS = _meanings()
_EAST_ASIAN_KINDS = {
    "条": "article", "條": "article", "章": "chapter", "回": "chapter", "节": "section", "節": "section", "页": "page",
    "頁": "page", "ページ": "page", "段": "paragraph", "部分": "part", "图": "figure", "圖": "figure", "表": "table",
    "款": "article", "行": "line", "课": "lesson", "課": "lesson", "題": "question", "题": "question", "步": "step", "장": "chapter",
    "절": "section", "조": "article", "페이지": "page", "쪽": "page", "단락": "paragraph", "줄": "line",
}  # fmt: skip
_KIND = "|".join(sorted(_EAST_ASIAN_KINDS, key=len, reverse=True))
_HAN = "〇零一二三四五六七八九十百千两"
_EAST_ASIAN = re.compile(
    rf"(?:[第제]\s?(\d{{1,4}}|[{_HAN}]{{1,7}})\s?(?:[个個]|番目の)?|(\d{{1,4}})\s?(?:번째\s|番目の)?"
    rf"|(最[后後]の?一?|마지막\s?|倒数第一)[个個]?)(?:[-~到至～—](\d{{1,4}}))?({_KIND})"
)
_SHOWN = re.compile(r"([图圖表])\s?(\d{1,3}(?:[.-]\d{1,3})?)")
_SIGN = re.compile(r"§\s?(\d{1,4}[a-z]?)", re.I)
_DOTTED = re.compile(r"\d{1,3}(?:\.\d{1,3}){1,4}(?![\d%])")
_TOKEN = re.compile(rf"\d{{1,4}}(?:[a-zº°ª]{{1,3}}\b|\.(?=\s\w)|-?[а-я]{{1,2}}\b)?|(?:[^\W\d][{MARKS}]*)+\.?|[-–—,№°]")
_ROMAN = re.compile(r"[IVXLC]{1,6}|[ivxlc]{2,6}")
_ORDINAL = re.compile(r"(\d{1,4})(?:\.|st|nd|rd|th|e|er|re|ème|eme|a|o|º|°|ª|-?[а-я]{1,2})", re.I)
_VERBS = frozenset("can could have need should must do find want am will would".split())
"""What shows that "I" in front of it is no number."""


_NUMBERS = {meaning for meanings in _MEANINGS.values() for meaning in meanings if meaning.lstrip("=-").isdigit()}
_CARDINALS = {number for number in _NUMBERS if number[0] == "="}
_ORDINALS = _NUMBERS - _CARDINALS
EDGES = {
    kind: Lexicon.of(" ".join(word for word, meanings in _MEANINGS.items() if kind in meanings))
    for kind in ("beginning", "end")
}
_KINDS = (
    {meaning for meanings in _MEANINGS.values() for meaning in meanings}
    - _NUMBERS
    - {*EDGES, "teen", "number", "to", "and"}
)


class Place(NamedTuple):
    """A place that a question names."""

    kind: str
    """The first word of a line of ``places.txt``; empty if only a number is named."""
    number: str
    """As in `outline.Section`; ``-1`` for the last one of its kind, ``-2`` for the one before."""
    words: str = ""
    """What the question calls it."""


def named_places(question: str, kinds: Iterable[str] = ()) -> list[Place]:
    """Return the places that `question` names, in order; `kinds` are further words that headings have before a number."""
    spoken = _spoken(_DOTTED.sub(" ", question), frozenset(kinds))
    found = [*_signs(question), *_east_asian(question), *spoken] or _edges(question)
    return list({(place.kind, place.number): place for place in found}.values())


def numbered_places(question: str) -> list[Place]:
    """Return the first `MOST_MISSING` of the places that `question` names by a kind and a number."""
    named = (place for place in named_places(question) if place.words and place.number[:1].isalnum())
    return list(islice(named, MOST_MISSING))


def _signs(question: str) -> Iterator[Place]:
    yield from (Place("", match.group()) for match in _DOTTED.finditer(question))
    yield from (Place("article", match[1].lower(), match.group()) for match in _SIGN.finditer(question))
    for match in _SHOWN.finditer(question):
        yield Place(_EAST_ASIAN_KINDS[match[1]], match[2], match.group())


def _east_asian(question: str) -> Iterator[Place]:
    for match in _EAST_ASIAN.finditer(question):
        kind = _EAST_ASIAN_KINDS[match[5]]
        first = "-1" if match[3] else plain_number(match[1] or match[2])
        yield from (Place(kind, number, match.group()) for number in _range(first, match[4] or first))


def _edges(question: str) -> Iterator[Place]:
    """Yield the end or the beginning of a text, if a question names one of them and nothing to look up."""
    text = question.lower()
    words = WORD.findall(text)
    named = [kind for kind, lexicon in EDGES.items() if any(map(lexicon.has_part_of, words))]
    others = (word for word in looked_up(text) if not any(each.has_part_of(word) for each in EDGES.values()))
    if len(named) == 1 and not any(others):
        yield Place(named[0], "")


def _spoken(text: str, kinds: frozenset[str]) -> Iterator[Place]:
    """Yield the places that are named by a word for their kind with a number beside it."""
    tokens = list(_TOKEN.finditer(text))
    words = [match.group() for match in tokens]
    for index, word in enumerate(words):
        # "Top 3" are many.
        kind = word.lower() if word.lower() in kinds else "" if word == "top" else _meant(word, _KINDS)
        if not kind:
            continue
        start = index
        numbers, end = _behind(words, index + 1, kind)
        if not numbers:
            numbers, start = _before(words, index)
            end = index
        named = text[tokens[start].start() : tokens[end].end()] if numbers else ""
        if kind == "question" and not any(map(str.isdigit, named)):
            # "One last question" is about the talk.
            continue
        yield from (Place(kind, number, named) for number in numbers)


def _behind(words: Sequence[str], start: int, kind: str) -> tuple[list[str], int]:
    """Return the numbers that stand directly behind a kind, and the index of their last word."""
    while start < len(words) and "number" in _means(words[start]):
        start += 1
    first = _number(words, start, kind)
    if not first:
        return [], start
    end = start + 1 if _is_teen(words, start) else start
    last = _number(words, end + 2, kind) if end + 2 < len(words) else ""
    if last and (words[end + 1] in "-–—" or "to" in _means(words[end + 1])):
        return list(_range(first, last)), end + 2
    if last and (words[end + 1] == "," or "and" in _means(words[end + 1])):
        return [first, last], end + 2
    return [first], end


def _before(words: Sequence[str], index: int) -> tuple[list[str], int]:
    """Return the ordinal number that stands before a kind, and its index: "3 pages" are a length, and no place."""
    for place in range(index - 1, max(-1, index - 1 - NEAR), -1):
        word = words[place]
        match = _ORDINAL.fullmatch(word)
        number = plain_number(match[1]) if match else _meant(word, _ORDINALS)
        # "son" is the last one in Turkish, and means something else in most languages.
        if number and (len(word) > 3 or place == index - 1):
            return [number], place
    return [], index


def _number(words: Sequence[str], index: int, kind: str) -> str:
    """Return the number that a word is, of any form; empty if it is none."""
    word = words[index] if index < len(words) else ""
    following = words[index + 1] if index + 1 < len(words) else ""
    plain = word.rstrip(".")
    if plain.isdigit() or (plain[:-1].isdigit() and plain[-1].isascii()):
        return plain_number(plain)
    if _ROMAN.fullmatch(plain) and following not in _VERBS:
        return plain_number(plain)
    if kind == "annex" and len(plain) == 1 and plain.isalpha() and plain.isupper():
        return plain_number(plain)
    number = _meant(word, _ORDINALS) or _meant(word, _CARDINALS).lstrip("=")
    return str(int(number) + 10) if number.isdigit() and _is_teen(words, index) else number


def _is_teen(words: Sequence[str], index: int) -> bool:
    return index + 1 < len(words) and "teen" in _means(words[index + 1])


def _range(first: str, last: str) -> Iterator[str]:
    """Yield the numbers from `first` to `last`, or both if they are none that can be counted."""
    if first.isdigit() and last.isdigit() and int(first) <= int(last):
        yield from map(str, range(int(first), min(int(last), int(first) + MOST) + 1))
    else:
        yield from dict.fromkeys((first, last))


@lru_cache(maxsize=4096)
def _means(word: str) -> tuple[str, ...]:
    """Return what a word can mean: by itself, with its dot, or by the longest beginning of it that is listed."""
    plain = fold(word.lower())
    bare = plain.rstrip(".")
    sizes = range(len(bare), 1, -1)
    beginnings = (bare[:size] + "*" for size in sizes)
    return next((_MEANINGS[each] for each in (plain, bare, *beginnings) if each in _MEANINGS), ())


def _meant(word: str, meanings: Container[str]) -> str:
    return next((meaning for meaning in _means(word) if meaning in meanings), "")
