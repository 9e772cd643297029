"""Find the topics of a question and of the talk before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from services.chat.rag import leaning
from services.chat.rag.query import content_terms, term_weights
from services.core.message import Messages

RECENT_USER = 2
"""Number of earlier messages of the user that count as the talk."""

RECENT_CHARACTERS = 800
"""Characters of each earlier message that are read, since an answer may be long."""

MAX_ANSWER_TERMS = 40
"""Terms of the last answer that count."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The terms of the question and of the talk before it."""

    question: dict[str, float]
    """All terms of the question, function words too, and how much each counts, 0 to 1."""
    user_terms: tuple[str, ...]
    """Terms of the user's earlier messages that are not in the question."""
    answer_terms: tuple[str, ...]
    """Terms of the last answer that are in neither."""
    leans: bool
    """Whether the question cannot be understood without the talk, as "and when was it built?"."""
    brief: bool
    """Whether it perhaps cannot, since it has few words and no name, as "is the ticket expensive?"."""

    def weights(self) -> dict[str, float]:
        """Return the weights for ranking. The talk counts only if the question leans on it."""
        past_weight = 0.3 if self.leans else 0.0
        return {
            **dict.fromkeys(self.answer_terms, past_weight / 3),
            **dict.fromkeys(self.user_terms, past_weight),
            **self.question,
        }

    def of_talk(self) -> set[str]:
        """Return the terms of the talk."""
        return {*self.user_terms, *self.answer_terms}


def find_topics(question: str, history: Messages) -> Topics:
    """Return the topics of `question` and of `history`."""
    weights = term_weights(question)
    known = {term for term, weight in weights.items() if weight == 1}
    user_terms = _added(_terms_said_by(history, "user", RECENT_USER), known)
    answer_terms = _added(_terms_said_by(history, "assistant", 1), known)
    leans = bool(history) and leaning.leans(question)
    brief = bool(history) and leaning.is_brief(question)
    return Topics(weights, tuple(user_terms), tuple(answer_terms[:MAX_ANSWER_TERMS]), leans, brief)


def _added(terms: Iterable[str], known: set[str]) -> list[str]:
    """Return the `terms` that are not in `known`, and add them."""
    new = [term for term in terms if term not in known]
    known.update(new)
    return new


def _terms_said_by(history: Messages, role: str, messages: int) -> list[str]:
    """Return the terms of the last `messages` messages of `role`, each once."""
    said = (message.text for message in reversed(history) if message.role == role)
    texts = reversed([*islice(said, messages)])
    return list(dict.fromkeys(term for text in texts for term in content_terms(text[:RECENT_CHARACTERS])))
