"""Recognise messages in a talk that only thank, agree, greet, or ask to go on or to say the same in other words.

A message is one if it has a word for that, and no other word that carries a topic. So a question is never taken for one
by its first words ("thanks, and who designed it?").
"""

from __future__ import annotations

from services.chat.rag import small_words
from services.chat.rag.aim import is_about_text
from services.chat.rag.function_words import weight
from services.chat.rag.lexicon import Lexicon, topical
from services.chat.rag.words import WORD, starts_unspaced

LONGEST = 80
"""Characters from which a message surely says something more."""

_QUESTION_MARKS = ("?", "\uff1f", "\u061f")

_ASKS = Lexicon.of(small_words.ASKING)
_MAY_ASK = Lexicon.of(small_words.ASKING_OR_PRAISING)
_THANKS = Lexicon.of(small_words.ACKNOWLEDGING)
_GRATEFUL = Lexicon.of(small_words.GRATEFUL)
_THANKED_FOR = Lexicon.of(small_words.THANKED_FOR)
_GOES_ON = Lexicon.of(small_words.GOING_ON)
_REWORDS = Lexicon.of(small_words.REWORDING)


def is_acknowledgement(message: str) -> bool:
    """Return whether a message in a talk only thanks, agrees, declines, greets, or asks to go on."""
    thanks = _consists_of(message, (_THANKS, _GRATEFUL, _THANKED_FOR), _GRATEFUL)
    return (thanks or _consists_of(message, (_THANKS,), _THANKS)) and not _names_task(message)


def wants_nothing(message: str) -> bool:
    """Return whether a message in a talk only thanks, agrees, declines or greets, so that an answer needs no text."""
    words = WORD.findall(message[:LONGEST].casefold())
    return (
        is_acknowledgement(message)
        and not any(mark in message for mark in _QUESTION_MARKS)
        and not any(_GOES_ON.has_part_of(word) for word in words)
    )


def asks_nothing_new(message: str) -> bool:
    """Return whether a message in a talk is an acknowledgement, or only asks to say the same in other words."""
    return is_acknowledgement(message) or asks_for_rewording(message)


def asks_for_rewording(message: str) -> bool:
    """Return whether a message in a talk only asks to say the same in other words."""
    return _consists_of(message, (_THANKS, _REWORDS), _REWORDS)


def _names_task(message: str) -> bool:
    """Return whether a message has a word for a task on a text that is no word of thanks too."""
    words = WORD.findall(message[:LONGEST].casefold())
    return is_about_text(" ".join(_THANKS.without(word) for word in words if word not in _THANKS))


def _consists_of(message: str, lists: tuple[Lexicon, ...], needed: Lexicon) -> bool:
    """Return whether a message has a word that is `needed`, and no word with a topic that is in none of the `lists`."""
    text = message.casefold()
    words = WORD.findall(text)
    if len(text) > LONGEST or _asks(text, words):
        return False
    return not words or (
        any(needed.has_part_of(word) for word in words) and not any(_adds_topic(word, lists) for word in words)
    )


def _asks(text: str, words: list[str]) -> bool:
    """Return whether a message has a word that only a question has, or a question mark and one that others have too."""
    lists = (_ASKS, _MAY_ASK) if any(mark in text for mark in _QUESTION_MARKS) else (_ASKS,)
    return any(each.has_part_of(word) for each in lists for word in words)


def _adds_topic(word: str, lists: tuple[Lexicon, ...]) -> bool:
    if starts_unspaced(word):
        for words in lists:
            word = words.without(word)
        return bool(topical(word))
    # The letters of "c'est" and "that's" are words of their own.
    says_something = word.isdigit() or (len(word) > 1 and weight(word) == 1)
    return says_something and not any(word in words for words in lists)
