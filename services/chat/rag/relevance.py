"""Decide whether the results of a search are about the question. In doubt they are.

What is known of that are shared words, so the decision is about evidence: how much of the question the best place
covers, more than the others do. A message that leans on the talk says too little for that: its results must have the
talk's terms, or agree among themselves. The constants were chosen on relevant and random sets in 26 languages, so that
one relevant set in a hundred is dropped. Those of talks and of chance were chosen without a cross-validation.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from services.chat.rag import small_talk
from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.passages import Passage
from services.chat.rag.query import content_terms
from services.chat.rag.rank import Hits, Ranking, sum_hits
from services.chat.rag.topics import Topics
from services.chat.rag.words import is_east_asian, starts_unspaced

MENTION_WEIGHT = 0.05
"""What a term adds to the evidence when it occurs e times: relevant sources repeat their topic."""

CHANCE_WEIGHT = 0.0615
"""What e times as many passages take from it: in much text some place covers much of any question."""

TYPICAL_WEIGHT = 0.5
"""What the coverage of the average passage takes from it: where every passage has these words, they say little."""

PAIRS_BONUS = 0.05
"""What a question in Chinese or Japanese adds, since its pairs of characters seldom match by chance."""

SNIPPETS_BONUS = 0.04
"""What snippets add: they have little text, and the search engine that chose them knew the question."""

TALK_PENALTY = 0.06
"""What a talk takes from it, since messages in a talk are often not meant to be searched; half of it with snippets."""

MOST_TERMS = 25
"""Terms of which a message asks; the others of a longer one are a text that was pasted beside the question."""

WHOLE_WORD = 6
"""Letters from which a word counts fully; a shorter one occurs in a text by chance more often."""

MIN_TOPIC_TERMS = 1.3
"""Terms of the earlier talk that one place of the sources must have if the message leans on the talk."""

MIN_TOPIC_SHARE = 0.15
"""The same as a share of all terms of the talk: in much text some place has a few terms of any long talk."""

MIN_AGREEMENT = 0.04
"""Agreement of snippets that are about one thing; what only happens to have a few words is about many things."""

ANY_AGREEMENT = 0.01
"""Agreement that is more than none: enough if the message is brief but may stand alone."""

SURE_COVERAGE = 0.6
"""Coverage from which snippets need not agree for a brief message: "weather" has all of its words in each forecast."""

SAME_TOPIC_TERMS = 6.0
"""Terms of the earlier talk from which the sources count as relevant, whatever the message says."""

WEAK_COVERAGE = 0.55
"""Coverage below which the model is asked to say so if the sources do not contain the answer."""

PRIOR_PASSAGES = 15
"""Number of passages at which their word frequencies count half. In a few snippets every one may contain the
searched word."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to use the sources, and why."""

    use: bool
    reason: str
    coverage: float
    """Share of the question that the best place of the sources covers, 0 to 1."""


def judge_relevance(
    question: str,
    topics: Topics,
    ranking: Ranking,
    passages: Sequence[Passage],
    floor: float,
    snippets_only: bool = False,
    give_way: Callable[[], None] = do_nothing,
) -> Verdict:
    """Return whether to use the sources.

    `floor` is the evidence that they need; 0 accepts all. `snippets_only` says that every source is a snippet. Calls
    `give_way` every few milliseconds.
    """
    talk = topics.of_talk()
    if talk and small_talk.asks_nothing_new(question):
        return Verdict(False, "acknowledgement", 0.0)
    idf = _tempered(ranking.idf, len(passages))
    windows = list(paced(_windows(ranking, passages), give_way))
    weights = {term: idf[term] * weight for term, weight in topics.question.items()}
    coverage = min(1.0, _best(weights, paced(windows, give_way)) / _asked(weights))
    in_talk = _best({term: idf[term] for term in talk if term in idf}, paced(windows, give_way))
    if not floor or not topics.question:
        return Verdict(True, "nothing to compare", coverage)
    # A follow-up question often has no word of its topic, but relevant sources have many of the talk's.
    if topics.leans or (topics.brief and snippets_only and coverage < SURE_COVERAGE):
        least = max(MIN_TOPIC_TERMS, MIN_TOPIC_SHARE * len(talk))
        same = in_talk >= least or (snippets_only and _agree(topics, passages, give_way))
        if topics.leans or not same:
            return Verdict(same, "same topic" if same else "other topic", coverage)
    if in_talk >= SAME_TOPIC_TERMS:
        return Verdict(True, "same topic", coverage)
    bonus = SNIPPETS_BONUS * snippets_only - TALK_PENALTY * bool(talk) / (1 + snippets_only)
    enough = coverage + bonus + _correction(topics.question, weights, ranking, give_way) >= floor
    return Verdict(enough, "relevant" if enough else "irrelevant", coverage)


def _agree(topics: Topics, passages: Sequence[Passage], give_way: Callable[[], None]) -> bool:
    """Return whether snippets are about one thing. Without a word with a topic no search could know which one."""
    least = MIN_AGREEMENT if topics.leans else ANY_AGREEMENT
    return 1 in topics.question.values() and _agreement(topics, passages, give_way) >= least


def _agreement(topics: Topics, passages: Sequence[Passage], give_way: Callable[[], None]) -> float:
    """Return the share of a snippet's terms that another one has too, on average over all pairs, 0 to 1.

    The terms of the question do not count, since a search engine chose the snippets by them.
    """
    terms: dict[int, set[str]] = defaultdict(set)
    for passage in paced(passages, give_way):
        terms[passage.source].update(content_terms(passage.text()))
    snippets = [found - topics.question.keys() for found in terms.values()]
    pairs = math.comb(len(snippets), 2)
    shared = sum(math.comb(times, 2) for times in Counter(chain.from_iterable(snippets)).values())
    mean_size = sum(map(len, snippets)) / len(snippets)
    return shared / (pairs * mean_size) if pairs and mean_size else 0.0


def _correction(
    question: dict[str, float], weights: dict[str, float], ranking: Ranking, give_way: Callable[[], None]
) -> float:
    """Return what the evidence has besides the coverage: mentions of the topic, less what chance would bring."""
    times = sum_hits(paced(ranking.hits, give_way))
    mentions = (math.log1p(times.get(term, 0.0)) * _size(term) * weight for term, weight in question.items())
    passages = len(ranking.hits)
    typical = sum(_covered(weights, hit) for hit in paced(ranking.hits, give_way)) / passages / _asked(weights)
    pairs = sum(bool(is_east_asian(term)) for term in question) / len(question)
    return (
        MENTION_WEIGHT * max(mentions)
        - CHANCE_WEIGHT * math.log(passages)
        - TYPICAL_WEIGHT * typical
        + PAIRS_BONUS * pairs
    )


def _asked(weights: dict[str, float]) -> float:
    """Return how much there is to cover: what the terms weigh, but no more than a long question asks."""
    return min(sum(weights.values()), MOST_TERMS) or 1.0


def _size(term: str) -> float:
    return 1.0 if starts_unspaced(term) else min(len(term), WHOLE_WORD) / WHOLE_WORD


def _tempered(idf: dict[str, float], passages: int) -> dict[str, float]:
    """Return the IDF values as shares of the highest possible one, moved towards 1 if there are few passages."""
    highest = math.log(2 * passages + 2)
    return {
        term: (passages * value / highest + PRIOR_PASSAGES) / (passages + PRIOR_PASSAGES) for term, value in idf.items()
    }


def _windows(ranking: Ranking, passages: Sequence[Passage]) -> Iterator[Collection[str]]:
    """Yield the terms in each passage and its follower in the same source: an answer may cross their border."""
    for index, hit in enumerate(ranking.hits):
        follows = index + 1 < len(passages) and passages[index + 1].source == passages[index].source
        yield hit | ranking.hits[index + 1] if follows else hit


def _best(weights: dict[str, float], windows: Iterable[Collection[str]]) -> float:
    """Return the highest sum of `weights` in one window."""
    return max((_covered(weights, window) for window in windows), default=0.0)


def _covered(weights: dict[str, float], window: Collection[str] | Hits) -> float:
    # Over the terms of a window, not over all: there may be thousands of either.
    return sum(weights[term] for term in window if term in weights)
