"""Decide whether the sources are relevant: how much of the question, and of the conversation before it, they cover.

The thresholds were fitted on 400 relevant and random sets of sources and 312 decisions in conversations (docs/rag.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.chat.rag import leaning, small_talk
from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.passages import Passage
from services.chat.rag.query import content_terms, term_weights
from services.chat.rag.rank import Hits, Ranking, sum_hits
from services.chat.rag.words import starts_unspaced
from services.core.message import Messages

PAIRS_FLOOR = 0.7
"""Factor of the required coverage for terms of scripts without blanks: pairs of characters seldom match by chance."""

MENTION_WEIGHT = 0.1
"""What a term adds to the coverage when it occurs e times as often as expected by chance: relevant sources repeat
their topic."""

CHANCE_POWER = 0.72
"""Chance mentions grow with the number of passages to this power."""

CHANCE_PASSAGES = 5
"""Number of passages up to which no mention of a term is by chance."""

WHOLE_WORD = 6
"""Letters from which a word counts fully; a shorter one occurs in a text by chance more often."""

SNIPPETS_FLOOR = 0.6
"""Factor of the required coverage if all sources are snippets. They have little text, and the search engine that
chose them knew the question."""

CONVERSATION_FLOOR = 1.85
"""Factor of the required coverage inside a conversation: a short message matches many texts by its few words."""

MIN_TOPIC_TERMS = 3.0
"""Terms of the earlier conversation that the sources must contain if the message points back to it."""

MIN_TOPIC_SHARE = 0.4
"""The alternative to `MIN_TOPIC_TERMS`, as a share of the user's own terms, 0 to 1."""

SAME_TOPIC_TERMS = 6.0
"""Terms of the earlier conversation from which the sources count as relevant, whatever the message says."""

WEAK_COVERAGE = 0.55
"""Coverage below which the model is asked to say so if the sources do not contain the answer."""

PRIOR_PASSAGES = 15
"""Number of passages at which their word frequencies count half. In a few snippets every one may contain the
searched word."""

RECENT_USER = 2
"""Number of earlier messages of the user that count as the conversation."""

RECENT_CHARACTERS = 800
"""Characters of each earlier message that are read, since an answer may be long."""

MAX_ANSWER_TERMS = 40
"""Terms of the last answer that count."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The terms of the question and of the conversation before it."""

    question: tuple[str, ...]
    user_terms: tuple[str, ...]
    """Terms of the user's earlier messages that are not in the question."""
    answer_terms: tuple[str, ...]
    """Terms of the last answer that are in neither."""
    points_back: bool
    """Whether the question refers to the conversation, as in "and when was it built?"."""
    question_weights: dict[str, float]
    """All terms of the question, function words too, and how much each counts."""

    def weights(self) -> dict[str, float]:
        """Return the weights for ranking. The conversation counts only if the question points back or is empty."""
        past_weight = 0.3 if self.points_back or not self.question else 0.0
        return {
            **dict.fromkeys(self.answer_terms, past_weight / 3),
            **dict.fromkeys(self.user_terms, past_weight),
            **self.question_weights,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to use the sources, and why."""

    use: bool
    reason: str
    coverage: float
    """Share of the question that the best place of the sources covers, 0 to 1."""


def find_topics(question: str, history: Messages) -> Topics:
    """Return the topics of `question` and of `history`."""
    known: set[str] = set()
    own_terms, user_terms, answer_terms = (
        tuple(_added(terms, known))
        for terms in (
            content_terms(question),
            _terms_said_by(history, "user", RECENT_USER),
            _terms_said_by(history, "assistant", 1),
        )
    )
    back = bool(history) and leaning.points_back(question)
    return Topics(own_terms, user_terms, answer_terms[:MAX_ANSWER_TERMS], back, term_weights(question))


def _added(terms: Iterable[str], known: set[str]) -> list[str]:
    """Return the `terms` that are not in `known`, and add them."""
    new = [term for term in terms if term not in known]
    known.update(new)
    return new


def _terms_said_by(history: Messages, role: str, messages: int) -> list[str]:
    """Return the terms of the last `messages` messages of `role`, each once."""
    texts = [message.text for message in history if message.role == role]
    return list(dict.fromkeys(term for text in texts[-messages:] for term in content_terms(text[:RECENT_CHARACTERS])))


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

    `floor` is the share of the question that they must cover, 0 to 1; 0 accepts all. `snippets_only` says that every
    source is a snippet. Calls `give_way` every few milliseconds.
    """
    in_conversation = bool(topics.user_terms or topics.answer_terms)
    if small_talk.asks_nothing_new(question):
        return Verdict(False, "acknowledgement", 0.0)
    # Only function words, as in "What is this about?": nothing says that the sources are irrelevant.
    if not topics.question and not in_conversation:
        return Verdict(True, "nothing to compare", 0.0)
    idf = _tempered(ranking.idf, len(passages))
    windows = list(paced(_windows(ranking, passages), give_way))
    weighted = {term: idf[term] * weight for term, weight in topics.question_weights.items()}
    coverage = _best_window_share(tuple(weighted), weighted, paced(windows, give_way))
    topic_terms = _best_window_sum({*topics.user_terms, *topics.answer_terms}, idf, paced(windows, give_way))
    # A follow-up question often has no word of its topic, but the sources have many of the conversation's.
    if in_conversation and topic_terms >= SAME_TOPIC_TERMS:
        return Verdict(True, "same topic", coverage)
    required = floor * _floor_factor(topics.question, in_conversation and not topics.points_back)
    is_enough = (
        coverage >= required
        if in_conversation
        else not floor
        or _evidence(topics, ranking, coverage, give_way) >= required * (SNIPPETS_FLOOR if snippets_only else 1)
    )
    if not is_enough or not topics.question:
        return Verdict(False, "irrelevant", coverage)
    # "When was it built?" matches pages about any building, so the earlier topic must be in the sources too.
    if (
        topics.points_back
        and in_conversation
        and topic_terms < MIN_TOPIC_TERMS
        and _best_window_share(topics.user_terms, idf, windows) < MIN_TOPIC_SHARE
    ):
        return Verdict(False, "other topic", coverage)
    return Verdict(True, "relevant", coverage)


def _floor_factor(terms: Sequence[str], in_conversation: bool) -> float:
    unspaced = sum(bool(starts_unspaced(term)) for term in terms) / (len(terms) or 1)
    spaced = CONVERSATION_FLOOR if in_conversation else 1.0
    return unspaced * PAIRS_FLOOR + (1 - unspaced) * spaced


def _evidence(topics: Topics, ranking: Ranking, coverage: float, give_way: Callable[[], None]) -> float:
    """Return the coverage, corrected for repetition.

    It is higher if a term occurs again and again, and lower if so much text would contain it by chance.
    """
    times = sum_hits(paced(ranking.hits, give_way))
    mentions = [math.log1p(times.get(term, 0.0)) * _term_weight(term) for term in topics.question]
    chance = CHANCE_POWER * math.log(len(ranking.hits) / CHANCE_PASSAGES)
    return coverage + MENTION_WEIGHT * (max(mentions, default=0.0) - chance)


def _term_weight(term: str) -> float:
    return 1.0 if starts_unspaced(term) else min(len(term), WHOLE_WORD) / WHOLE_WORD


def _tempered(idf: dict[str, float], passages: int) -> dict[str, float]:
    """Return the IDF values as shares of the highest possible one, moved towards 1 if there are few passages."""
    highest = math.log(2 * passages + 2)
    return {
        term: (passages * value / highest + PRIOR_PASSAGES) / (passages + PRIOR_PASSAGES) for term, value in idf.items()
    }


def _windows(ranking: Ranking, passages: Sequence[Passage]) -> Iterator[Hits]:
    """Yield the terms in each passage and its follower in the same source: an answer may cross their border."""
    for index, hit in enumerate(ranking.hits):
        follows = index + 1 < len(passages) and passages[index + 1].source == passages[index].source
        yield hit | ranking.hits[index + 1] if follows else hit


def _best_window_sum(terms: Collection[str], idf: dict[str, float], windows: Iterable[Hits]) -> float:
    """Return the highest sum of `terms` in one window; each term counts its IDF, 0 to 1."""
    # Over the terms of a window, not over all: there may be thousands of either.
    return max((sum(idf[term] for term in window if term in terms) for window in windows), default=0.0)


def _best_window_share(terms: Sequence[str], idf: dict[str, float], windows: Iterable[Hits]) -> float:
    total = sum(idf[term] for term in terms)
    return _best_window_sum(set(terms), idf, windows) / total if total else 0.0
