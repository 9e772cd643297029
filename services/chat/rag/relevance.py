"""Whether the sources have to do with the question: how much of it, and of the talk before it, they cover."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.chat.rag import small_talk
from services.chat.rag.passages import Passage
from services.chat.rag.query import content
from services.chat.rag.rank import Ranking
from services.chat.rag.words import starts_unspaced
from services.core.message import Messages

FLOOR_PAIRS = 0.7
"""Share of the floor that terms of scripts without blanks need: pairs of characters seldom agree by chance."""

MENTIONS = 0.1
"""What it adds to the coverage when a term is met e times as often as by chance: sources name their topic again and
again."""

CHANCE = 0.72
"""Power of the number of passages that chance mentions grow with."""

CHANCE_PASSAGES = 5
"""Passages in which no mention of a term is by chance."""

WHOLE_WORD = 6
"""Letters from which on a word counts fully as one that a text does not hold by chance."""

BRIEF = 0.6
"""What the floor is multiplied with where all sources are snippets: there is little to read in them, and the engine that
chose them knew the question."""

IN_TALK = 1.85
"""What the floor is multiplied with inside a conversation: a short message meets anything its few words stand in."""

TOPIC = 3.0
"""Terms of the talk before that sources must hold where the message points back to it."""

TOPIC_SHARE = 0.4
"""The same, as a share of the user's own terms."""

SAME_TOPIC = 6.0
"""Terms of the talk before from which on sources belong to it, whatever the message says."""

WEAK = 0.55
"""Coverage below which the model is told to say so if the answer is missing."""

FEW = 15
"""Passages at which frequencies among them count half: a handful of snippets may all hold the searched word."""

RECENT_USER = 2
"""Messages of the user that count as the talk before."""

RECENT_CHARACTERS = 800
"""Of the last answer, which may be long."""

ANSWER_TERMS = 40


@dataclass(frozen=True, slots=True)
class Topics:
    """Terms of the question and of the talk before it."""

    question: tuple[str, ...]
    asked: tuple[str, ...]
    answered: tuple[str, ...]
    points_back: bool

    def weights(self) -> dict[str, float]:
        """For ranking: the question decides; where it points back, what was talked about helps."""
        past = 0.3 if self.points_back or not self.question else 0.0
        return {
            **dict.fromkeys(self.answered, past / 3),
            **dict.fromkeys(self.asked, past),
            **dict.fromkeys(self.question, 1.0),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    use: bool
    reason: str
    coverage: float
    """Share of the question that the best place of the sources covers, 0 to 1."""


def topics(question: str, history: Messages) -> Topics:
    own = content(question)
    asked = [term for term in _said(history, "user", RECENT_USER) if term not in own]
    answered = [term for term in _said(history, "assistant", 1) if term not in own and term not in asked]
    back = bool(history) and small_talk.points_back(question)
    return Topics(tuple(own), tuple(asked), tuple(answered[:ANSWER_TERMS]), back)


def _said(history: Messages, role: str, messages: int) -> list[str]:
    """The terms of the last so many messages of `role`, each once."""
    texts = [message.text for message in history if message.role == role]
    return list(dict.fromkeys(term for text in texts[-messages:] for term in content(text[:RECENT_CHARACTERS])))


def judge(
    question: str, about: Topics, ranking: Ranking, found: Sequence[Passage], floor: float, brief: bool = False
) -> Verdict:
    """`floor`: the share of a question that sources must cover; `brief`: whether all of them are snippets."""
    talked = bool(about.asked or about.answered)
    if small_talk.acknowledges(question):
        return Verdict(False, "acknowledgement", 0.0)
    if not about.question and not talked:
        return Verdict(True, "nothing to compare", 0.0)
    idf = _tempered(ranking.idf, len(found))
    windows = list(_windows(ranking, found))
    coverage = _share(about.question, idf, windows)
    past = _mass((*about.asked, *about.answered), idf, windows)
    if talked and past >= SAME_TOPIC:
        return Verdict(True, "same topic", coverage)
    needed = floor * _scale(about.question, talked and not about.points_back)
    enough = (
        coverage >= needed
        if talked
        else not floor or _evidence(about, ranking, coverage) >= needed * (BRIEF if brief else 1)
    )
    if not enough or not about.question:
        return Verdict(False, "irrelevant", coverage)
    if about.points_back and talked and past < TOPIC and _share(about.asked, idf, windows) < TOPIC_SHARE:
        return Verdict(False, "other topic", coverage)
    return Verdict(True, "relevant", coverage)


def _scale(terms: Sequence[str], talk: bool) -> float:
    unspaced = sum(bool(starts_unspaced(term)) for term in terms) / (len(terms) or 1)
    spaced = IN_TALK if talk else 1.0
    return unspaced * FLOOR_PAIRS + (1 - unspaced) * spaced


def _evidence(about: Topics, ranking: Ranking, coverage: float) -> float:
    """The coverage, more where a term is met again and again, less where so much text would meet it by chance."""
    met = [math.log1p(sum(hit.get(term, 0.0) for hit in ranking.hits)) * _weight(term) for term in about.question]
    chance = CHANCE * math.log(len(ranking.hits) / CHANCE_PASSAGES)
    return coverage + MENTIONS * (max(met, default=0.0) - chance)


def _weight(term: str) -> float:
    return 1.0 if starts_unspaced(term) else min(len(term), WHOLE_WORD) / WHOLE_WORD


def _tempered(idf: dict[str, float], passages: int) -> dict[str, float]:
    """The frequencies among few passages, drawn towards equal; as shares of the highest there can be."""
    highest = math.log(2 * passages + 2)
    return {term: (passages * value / highest + FEW) / (passages + FEW) for term, value in idf.items()}


def _windows(ranking: Ranking, found: Sequence[Passage]) -> Iterable[set[str]]:
    """The terms that each two neighbouring passages of a source hold."""
    for index, hit in enumerate(ranking.hits):
        follows = index + 1 < len(found) and found[index + 1].source == found[index].source
        yield {*hit, *ranking.hits[index + 1]} if follows else set(hit)


def _mass(terms: Sequence[str], idf: dict[str, float], windows: Iterable[set[str]]) -> float:
    """The most of `terms` that one window holds, telling ones counting up to 1."""
    return max((sum(idf[term] for term in terms if term in window) for window in windows), default=0.0)


def _share(terms: Sequence[str], idf: dict[str, float], windows: Iterable[set[str]]) -> float:
    total = sum(idf[term] for term in terms)
    return _mass(terms, idf, windows) / total if total else 0.0
