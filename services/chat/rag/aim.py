"""Tell what a question about a document is after: a passage of it, or the whole.

"Summarize this" names nothing that stands in the text, so ranking its words finds nothing. Such questions consist of
words of a few kinds, listed in ``aim.txt``: for a task on a text or what can be said of one, for a text or its parts,
what a person says besides, and function words. Whatever else a question has is looked up in the text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

from services.chat.rag.function_words import weight
from services.chat.rag.lexicon import Lexicon, topical
from services.chat.rag.words import WORD, fold, starts_unspaced

MIXED = 0.5
"""Share of the room for the whole if a question is after both, or may be after either."""

_DETAIL = re.compile(
    r"(?:^|[.,;:!?\u060c\u061b\u061f]\s)\W{0,3}(?:who|whom|whose|when|where|how\s(?:many|much|old|long|far|big|tall|high)"
    r"|wer|wen|wem|wessen|wann|wo|wohin|woher|wie\s?viele?|wie\s(?:alt|lange|weit|groß|hoch)"
    r"|quién(?:es)?|cuándo|dónde|adónde|cuánt[oa]s?|qui|quand|où|combien|chi|quando|dove|quant[oaei]"
    r"|quem|onde|quant[oa]s?|wanneer|hoeveel|kto|kogo|komu|kiedy|gdzie|ile|кто|кого|кому|когда|где|куда|откуда|сколько"
    r"|хто|коли|де|куди|скільки|من(?!\sفضلك)|متى|أين|اين|كم)\b"
    r"|\b(?:kim|kimin|kime|kimi|ne\szaman|nerede|nereye|nereden|kaç)\b|किसने|किसे|कब|कहाँ|कहां|कितने|कितना|कितनी"
    r"|누가|누구|언제|어디|[谁誰]|什么时候|何时|哪里|哪儿|多少|几点|いつ|どこ|いくつ|いくら|何時|何人|ใคร|เมื่อไร|ที่ไหน|(?<!เ)กี่"
)
"""What asks for a detail and not for a text: who, when, where, how many. In many languages it begins the question."""


def _read_list() -> tuple[dict[str, Lexicon], dict[str, set[str]]]:
    """Return the words of each kind, and the languages of each word; a star at a word's end stands for any ending."""
    kinds: dict[str, list[str]] = defaultdict(list)
    languages: dict[str, set[str]] = defaultdict(set)
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if line and line[0] != "#":
            language, kind, words = line.split(maxsplit=2)
            kinds[kind].append(words)
            for word in words.split():
                languages[fold(word)].add(language)
    return {kind: Lexicon.of(" ".join(words)) for kind, words in kinds.items()}, dict(languages)


_KINDS, _LANGUAGES = _read_list()
TASKS, TOPICS, TEXTS, FILLERS, FACTS, WORDING = map(
    _KINDS.__getitem__, ("tasks", "topics", "texts", "fillers", "facts", "wording")
)


def share_of_whole(question: str, leans: bool = False) -> float:
    """Return how much of the room a question gives to an overview of the whole text, 0 to 1.

    `leans` says that the talk before it tells what it is about.
    """
    text = question.lower()
    detail = bool(_DETAIL.search(text))
    if any(looked_up(text)):
        return MIXED if _names(TASKS, text) and not detail else 0.0
    if leans and not is_about_text(text):
        return 0.0
    return MIXED if detail else 1.0


def is_about_text(text: str) -> bool:
    """Return whether a lower-case question names a task on a whole text, or what can be said of one."""
    return _names(TASKS, text) or _names(TOPICS, text)


def looked_up(text: str) -> Iterator[str]:
    """Yield the words of a lower-case question that are looked up in the text."""
    known = (TASKS, TOPICS, TEXTS, FILLERS, FACTS) if is_about_text(text) else (TEXTS, FILLERS)
    for word in WORD.findall(text):
        if starts_unspaced(word):
            yield from topical(reduce(lambda run, each: each.without(run), known, word))
        # The letters of "c'est" and "that's" are words of their own.
        elif len(word) > 1 and weight(word) == 1 and not word.isdigit() and not any(word in each for each in known):
            yield word


def _names(lexicon: Lexicon, text: str) -> bool:
    return any(map(lexicon.has_part_of, WORD.findall(text)))


def needs_wording(question: str) -> bool:
    """Return whether `question` is about the words of a text, so that notes of what it says are of no use."""
    return _names(WORDING, question.lower())


def languages_of_aim(word: str) -> set[str]:
    """Return the languages (ISO 639-1) in which a lower-case word with blanks around it is listed."""
    plain = fold(word)
    forms = (plain, *(f"{plain[:size]}*" for size in range(2, len(plain) + 1)))
    return set().union(*(_LANGUAGES[form] for form in forms if form in _LANGUAGES))
