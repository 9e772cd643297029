"""How much each segment of a page reads like what the page is about, rather than like its menus, notices and adverts.

Nothing here knows a language: length, sentence ends, capitals, the page's own most frequent words, and what stands
around a segment tell prose from furniture in any script. The weights are those of a logistic regression over the
segments of 300 labelled pages in 13 languages (docs/rag.md); a score of 0 is as likely the one as the other.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import mul
from typing import NamedTuple, TypeVar

from services.chat.rag import boilerplate as furniture
from services.chat.rag.segments import UPPER, Segment, segments
from services.chat.rag.words import UNSPACED, WORD, stem

KEEP = -0.35
"""The score from which on a segment is text: keeps 93 of 100 passages that matter, removes two thirds of the rest."""

JUNK = -2.5
"""Below this score a segment is certainly furniture and never shown."""

PROSE = 80
"""Characters from which on a segment's words count for the page's frequent ones."""

CHUNK = 32
"""Segments per breath: 1 to 4 ms of work."""

T = TypeVar("T")

_CAPITAL = re.compile(rf"[{UPPER}]")
_UNSPACED = re.compile(rf"[{UNSPACED}]")
_SIGN = re.compile(r"[|\u00bb\u00ab\u2022\u00b7\u203a\u2192\u00a9\u2191\u25b6\u25bc\u25be\u2715\u00d7>@]|https?:|www\.")
_STOP = re.compile(r"[.!?\u2026\u061f\u06d4\u0964](?:[\s\"'\u00bb\u201c\u201d\u2019)\]]|$)|[\u3002\uff01\uff1f]")


class Look(NamedTuple):
    """What a segment looks like by itself."""

    length: float
    """Logarithm of its characters; those of scripts without blanks count for more."""
    words: float
    stops: float
    capitals: float
    word_length: float
    common: float
    """Share of words among the page's most frequent ones."""
    furniture: float
    signs: float
    joins: float
    repeated: float


OWN = Look(0.312, 0.0609, 1.08, -1.87, 0.0317, 1.26, -2.29, -0.644, -0.0824, -0.261)

PRIOR = Look(0.8, 0.4, 1.2, 0.0, 0.0, 4.5, -1.5, -0.4, -0.3, -1.0)
"""A rougher view, for what a segment says about those around it."""
PRIOR_BIAS = -6.0


class Around(NamedTuple):
    """What stands around a segment."""

    late: float
    """How far it is beyond three quarters of the page's text."""
    early: float
    """Whether nothing of the text came before it."""
    previous: float
    following: float
    before: float
    """How much the text before it reads like prose; fades within a few hundred characters."""
    after: float


CONTEXT = Around(-1.97, -0.638, 0.559, 0.581, 2.38, 1.44)
BIAS = -2.537

FADE = 150.0
"""Characters over which what stands around a segment loses half of its weight."""


class Line(NamedTuple):
    """A segment with its score."""

    segment: Segment
    words: list[str]
    score: float


def paced(items: Iterable[T], breathe: Callable[[], None], every: int = CHUNK) -> Iterator[T]:
    """The same items; `breathe` is called between every so many of them, so that others get their turn."""
    for number, item in enumerate(items, 1):
        yield item
        if not number % every:
            breathe()


def idle() -> None:
    """A breath where nobody waits."""


def lines(text: str, breathe: Callable[[], None] = idle) -> list[Line]:
    """The segments of a page with their scores."""
    found = list(paced(segments(text), breathe))
    words = [WORD.findall(segment.text) for segment in paced(found, breathe)]
    looks = list(paced(_looks(found, words, _common(found, words, breathe)), breathe))
    priors = [_prior(look) for look in paced(looks, breathe)]
    around = _around(priors, [min(len(segment.text), 400) for segment in found])
    seen = paced(zip(looks, around, strict=True), breathe)
    scores = [BIAS + _dot(OWN, look) + _dot(CONTEXT, context) for look, context in seen]
    return [Line(*line) for line in zip(found, words, scores, strict=True)]


def clean(text: str, minimum: float = KEEP) -> str:
    """`text` without the segments that score below `minimum`."""
    return joined(line.segment for line in lines(text) if line.score >= minimum)


def joined(parts: Iterable[Segment]) -> str:
    return "".join(part.glue + part.text for part in parts).strip()


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return float(sum(map(mul, weights, values)))


def _prior(look: Look) -> float:
    return 1 / (1 + math.exp(-PRIOR_BIAS - _dot(PRIOR, look)))


def _looks(found: list[Segment], words: list[list[str]], common: set[str]) -> Iterator[Look]:
    times = Counter(segment.text for segment in found)
    for segment, own in zip(found, words, strict=True):
        unspaced = bool(_UNSPACED.search(segment.text))
        view = _look_unspaced if unspaced else _look_spaced
        yield view(segment, own, common, float(times[segment.text] > 1))


def _common(found: list[Segment], words: list[list[str]], breathe: Callable[[], None]) -> set[str]:
    """The page's 40 most frequent words (characters, where words are not told apart): its function words."""
    counts: Counter[str] = Counter()
    for segment, own in paced(zip(found, words, strict=True), breathe):
        if len(segment.text) >= PROSE:
            spaced = [word.lower() for word in own if not _UNSPACED.match(word)]
            counts.update(spaced)
            if len(spaced) < len(own):
                counts.update("".join(word for word in own if _UNSPACED.match(word)))
    return {word for word, _ in counts.most_common(40)}


def _look_spaced(segment: Segment, words: list[str], common: set[str], repeated: float) -> Look:
    count = len(words) or 1
    lower = list(map(str.lower, words))
    return Look(
        math.log(min(len(segment.text), 400)),
        math.log(1 + min(count, 60)),
        min(len(_STOP.findall(segment.text)), 4) / (1 + count / 15),
        sum(map(bool, map(_CAPITAL.match, words))) / count,
        min(sum(map(len, words)) / count, 10),
        sum(map(common.__contains__, lower)) / count,
        min(3, sum(map(furniture.STEMS.__contains__, map(stem, lower)))) / math.sqrt(count),
        min(3, len(_SIGN.findall(segment.text))),
        min(5, segment.joins) if len(segment.text) < 60 else 0,
        repeated,
    )


def _look_unspaced(segment: Segment, words: list[str], common: set[str], repeated: float) -> Look:
    text = segment.text
    units = len(text) / 2
    return Look(
        math.log(min(len(text) * 2.5, 400)),
        math.log(1 + min(units, 60)),
        min(len(_STOP.findall(text)), 4) / (1 + units / 15),
        0.3,
        5,
        sum(char in common for char in text) / len(text),
        min(3, sum(piece in text for piece in furniture.PIECES)) / math.sqrt(units),
        min(3, len(_SIGN.findall(text))),
        min(5, segment.joins) if len(text) < 60 else 0,
        repeated,
    )


def _around(priors: list[float], sizes: list[int]) -> Iterator[Around]:
    keeps = [0.5 ** (size / FADE + 0.15) for size in sizes]
    before = _faded(priors, keeps)
    after = _faded(priors[::-1], keeps[::-1])[::-1]
    good = [prior * size for prior, size in zip(priors, sizes, strict=True)]
    total, seen = sum(good) or 1.0, 0.0
    for index, share in enumerate(good):
        position, seen = seen / total, seen + share
        yield Around(
            max(0.0, position - 0.75) * 4,
            float(position <= 0.02),
            priors[index - 1] if index else 0.0,
            priors[index + 1] if index + 1 < len(priors) else 0.0,
            before[index],
            after[index],
        )


def _faded(priors: list[float], keeps: list[float]) -> list[float]:
    """For each place, how much all before it reads like prose."""
    level, levels = 0.0, []
    for prior, keep in zip(priors, keeps, strict=True):
        levels.append(level)
        level = keep * level + (1 - keep) * prior
    return levels
