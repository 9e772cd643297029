"""Score each segment of a page: how much it reads like the page's text, and how little like boilerplate.

No feature depends on a language: the length, sentence ends, capitals, the page's own frequent words and the
neighbouring segments separate text from menus, notices and adverts in any script. The weights are those of a logistic
regression over the segments of 300 labelled pages in 13 languages (docs/rag.md). A score is a log-odds value: at 0,
text and boilerplate are equally likely.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import mul
from typing import NamedTuple

from services.chat.rag import boilerplate
from services.chat.rag.pace import do_nothing, lightly_paced, paced
from services.chat.rag.segments import UPPER, Segment, segments
from services.chat.rag.words import UNSPACED, WORD, stem

TEXT_SCORE = -0.35
"""Score from which a segment counts as text. On the labelled pages this keeps 93 % of the passages that matter and
removes two thirds of the others."""

CERTAIN_BOILERPLATE = -2.5
"""Score below which a segment is never shown. It is far below `TEXT_SCORE`, because a table row scores low too and
may contain the answer."""

MIN_PROSE = 80
"""Characters from which a segment's words count towards the page's frequent words; menu items are shorter."""

_CAPITAL = re.compile(rf"[{UPPER}]")
_UNSPACED = re.compile(rf"[{UNSPACED}]")
_SIGN = re.compile(r"[|\u00bb\u00ab\u2022\u00b7\u203a\u2192\u00a9\u2191\u25b6\u25bc\u25be\u2715\u00d7>@]|https?:|www\.")
_SENTENCE_END = re.compile(
    r"[.!?\u2026\u061f\u06d4\u0964](?:[\s\"'\u00bb\u201c\u201d\u2019)\]]|$)|[\u3002\uff01\uff1f]"
)


class SegmentFeatures(NamedTuple):
    """The features of one segment, regardless of its neighbours. The order is that of the weights."""

    length: float
    """Natural logarithm of the number of characters, capped at 400. Characters of scripts without blanks count 2.5
    times."""
    words: float
    """Natural logarithm of the number of words plus 1, capped at 60 words."""
    stops: float
    """Sentence ends, fewer per word for a longer segment."""
    capitals: float
    """Share of words that begin with a capital, 0 to 1."""
    word_length: float
    """Mean characters per word, at most 10."""
    common: float
    """Share of words that are among the page's most frequent ones, 0 to 1."""
    boilerplate: float
    """Boilerplate words (at most 3) over the square root of the number of words."""
    signs: float
    """Signs that menus use as separators, addresses and ``@``; at most 3."""
    joins: float
    """Lost separators in the segment's line (`Segment.joins`), at most 5; 0 for a segment of 60 characters or more."""
    repeated: float
    """1 if the same text occurs more than once on the page, else 0."""


FEATURE_WEIGHTS = SegmentFeatures(0.312, 0.0609, 1.08, -1.87, 0.0317, 1.26, -2.29, -0.644, -0.0824, -0.261)
"""Weights of a segment's own features, fitted on the labelled pages."""

PRIOR_WEIGHTS = SegmentFeatures(0.8, 0.4, 1.2, 0.0, 0.0, 4.5, -1.5, -0.4, -0.3, -1.0)
"""Weights of a rougher score. It tells how much a segment is evidence for its neighbours being text."""
PRIOR_BIAS = -6.0
"""Bias of the rougher score."""


class ContextFeatures(NamedTuple):
    """The features of a segment's neighbourhood. The order is that of the weights."""

    late: float
    """How far the segment is into the last quarter of the page's text: 0 before it, 1 at the end."""
    early: float
    """1 if at most 2 % of the page's text comes before the segment, else 0."""
    previous: float
    """Prior probability of the segment before it, 0 to 1."""
    following: float
    """Prior probability of the segment behind it, 0 to 1."""
    before: float
    """Mean prior probability of the text before it; the weight of a character halves every `HALF_DISTANCE`
    characters."""
    after: float
    """The same for the text behind it."""


CONTEXT_WEIGHTS = ContextFeatures(-1.97, -0.638, 0.559, 0.581, 2.38, 1.44)
"""Weights of the neighbourhood's features, fitted together with `FEATURE_WEIGHTS`."""
BIAS = -2.537
"""Bias of the score, fitted together with the weights."""

HALF_DISTANCE = 150.0
"""Characters over which the influence of a neighbouring segment halves."""


class ScoredSegment(NamedTuple):
    """A segment with its words and its score."""

    segment: Segment
    words: tuple[str, ...]
    score: float


def score_segments(text: str, give_way: Callable[[], None] = do_nothing) -> list[ScoredSegment]:
    """Return the segments of a page in order, with their scores. Calls `give_way` every few milliseconds."""
    parts = list(paced(segments(text), give_way))
    # A page may have 300,000 segments. The garbage collector skips tuples of texts and of numbers, but visits lists.
    words = [tuple(WORD.findall(segment.text)) for segment in paced(parts, give_way)]
    features = _features(parts, words, _common_words(parts, words, give_way), give_way)
    own = [(_prior(each), BIAS + _dot(FEATURE_WEIGHTS, each)) for each in paced(features, give_way)]
    sizes = [min(len(segment.text), 400) for segment in lightly_paced(parts, give_way)]
    contexts = _context_features([prior for prior, _ in own], sizes, give_way)
    pairs = paced(zip(own, contexts, strict=True), give_way)
    scores = [score + _dot(CONTEXT_WEIGHTS, context) for (_, score), context in pairs]
    return [ScoredSegment(*scored) for scored in lightly_paced(zip(parts, words, scores, strict=True), give_way)]


def clean_text(text: str, minimum: float = TEXT_SCORE) -> str:
    """Return `text` without the segments whose score is below `minimum`."""
    return join(line.segment for line in score_segments(text) if line.score >= minimum)


def join(parts: Iterable[Segment]) -> str:
    """Return one text of `parts`, with the separators that they had on the page."""
    return "".join(part.glue + part.text for part in parts).strip()


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return float(sum(map(mul, weights, values)))


def _prior(features: SegmentFeatures) -> float:
    return 1 / (1 + math.exp(-PRIOR_BIAS - _dot(PRIOR_WEIGHTS, features)))


def _features(
    parts: list[Segment], words: list[tuple[str, ...]], common: set[str], give_way: Callable[[], None]
) -> Iterator[SegmentFeatures]:
    # Boilerplate often appears twice on a page, at its top and at its end.
    times = Counter(segment.text for segment in lightly_paced(parts, give_way))
    for segment, own_words in zip(parts, words, strict=True):
        # One such character is enough: these scripts have no words to count.
        unspaced = bool(_UNSPACED.search(segment.text))
        describe = _unspaced_features if unspaced else _spaced_features
        yield describe(segment, own_words, common, float(times[segment.text] > 1))


def _common_words(parts: list[Segment], words: list[tuple[str, ...]], give_way: Callable[[], None]) -> set[str]:
    """Return the page's 40 most frequent words, which are mostly its function words.

    For scripts without blanks they are the most frequent characters.
    """
    counts: Counter[str] = Counter()
    for segment, own_words in paced(zip(parts, words, strict=True), give_way):
        if len(segment.text) >= MIN_PROSE:
            spaced = [word.lower() for word in own_words if not _UNSPACED.match(word)]
            counts.update(spaced)
            if len(spaced) < len(own_words):
                counts.update("".join(word for word in own_words if _UNSPACED.match(word)))
    return {word for word, _ in counts.most_common(40)}


def _spaced_features(segment: Segment, words: tuple[str, ...], common: set[str], repeated: float) -> SegmentFeatures:
    count = len(words) or 1
    lower = list(map(str.lower, words))
    return SegmentFeatures(
        math.log(min(len(segment.text), 400)),
        math.log(1 + min(count, 60)),
        min(len(_SENTENCE_END.findall(segment.text)), 4) / (1 + count / 15),
        sum(map(bool, map(_CAPITAL.match, words))) / count,
        min(sum(map(len, words)) / count, 10),
        sum(map(common.__contains__, lower)) / count,
        min(3, sum(map(boilerplate.STEMS.__contains__, map(stem, lower)))) / math.sqrt(count),
        min(3, len(_SIGN.findall(segment.text))),
        min(5, segment.joins) if len(segment.text) < 60 else 0,
        repeated,
    )


def _unspaced_features(segment: Segment, words: tuple[str, ...], common: set[str], repeated: float) -> SegmentFeatures:
    text = segment.text
    # A word has about two characters in these scripts.
    units = len(text) / 2
    return SegmentFeatures(
        math.log(min(len(text) * 2.5, 400)),
        math.log(1 + min(units, 60)),
        min(len(_SENTENCE_END.findall(text)), 4) / (1 + units / 15),
        # These scripts have neither capitals nor words: the usual values of text, so that the weights fit.
        0.3,
        5,
        sum(char in common for char in text) / len(text),
        min(3, sum(piece in text for piece in boilerplate.PIECES)) / math.sqrt(units),
        min(3, len(_SIGN.findall(text))),
        min(5, segment.joins) if len(text) < 60 else 0,
        repeated,
    )


def _context_features(priors: list[float], sizes: list[int], give_way: Callable[[], None]) -> Iterator[ContextFeatures]:
    # The constant makes even a very short segment separate its neighbours a little.
    keeps = [0.5 ** (size / HALF_DISTANCE + 0.15) for size in lightly_paced(sizes, give_way)]
    before = _faded(lightly_paced(priors, give_way), keeps)
    after = _faded(lightly_paced(priors[::-1], give_way), keeps[::-1])[::-1]
    good = [prior * size for prior, size in lightly_paced(zip(priors, sizes, strict=True), give_way)]
    total, seen = sum(good) or 1.0, 0.0
    for index, share in enumerate(good):
        position, seen = seen / total, seen + share
        yield ContextFeatures(
            max(0.0, position - 0.75) * 4,
            float(position <= 0.02),
            priors[index - 1] if index else 0.0,
            priors[index + 1] if index + 1 < len(priors) else 0.0,
            before[index],
            after[index],
        )


def _faded(priors: Iterable[float], keeps: list[float]) -> list[float]:
    """Return for each position the mean prior of what comes before it, with a weight that fades with the distance."""
    level, levels = 0.0, []
    for prior, keep in zip(priors, keeps, strict=True):
        levels.append(level)
        level = keep * level + (1 - keep) * prior
    return levels
