"""Tell whether a question is in another language than all sources, in which case shared words say nothing of them.

Scripts decide alone where they can. Languages of one script differ by function words and accented letters. In doubt the
answer is no. Of 30 languages' questions it was wrong for 1 or 2 in 1,000 (docs/rag.md).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from services.chat.rag.function_words import LISTED_WORDS, QUESTION_WORDS
from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.words import WORD

MAX_READ = 60_000
"""Characters of all sources together that are read."""
MAX_READ_OF_SOURCE = 2000
"""Characters of one source that are read."""
MAX_READ_OF_QUESTION = 2000
"""Characters of a question that are read."""

RARE_WORD = 250
"""A word of which there is less than one in so many words of the sources may be a quotation in them."""
RARE_LETTER = 5000
"""The same for an accented letter: one in so many characters."""
MIN_LISTED = 3
"""Function words that tell the language of a text."""
LIKELY_SHARE = 0.8
"""Share of the first language's weight from which another language is likely too, as with Danish and Norwegian."""
LONG_QUESTION_WORD = 4
"""Letters from which a question word counts as two signs of its language; shorter ones belong to several."""
MIN_SIGNS = 2
"""Signs of another language that suffice. One word may be a name or a quotation."""
MIN_WEIGHT = 0.5
"""What the function words of the other language weigh at least. One that n languages share weighs 1 / sqrt(n)."""
MIN_RATIO = 1.5
"""What they weigh at least, compared with the function words of the sources' languages."""

_RANGES = {
    "latin": "a-z\u00aa\u00ba\u00df-\u00f6\u00f8-\u024f\u1e00-\u1eff",
    "cyrillic": "\u0400-\u052f",
    "arabic": "\u0600-\u06ff\u0750-\u077f",
    "devanagari": "\u0900-\u097f",
    "han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "kana": "\u3040-\u30ff",
    "hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "thai": "\u0e00-\u0e7f",
    "lao": "\u0e80-\u0eff",
    "khmer": "\u1780-\u17ff",
    "burmese": "\u1000-\u109f",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "hebrew": "\u0590-\u05ff",
    "armenian": "\u0530-\u058f",
    "georgian": "\u10a0-\u10ff",
    "bengali": "\u0980-\u09ff",
    "gurmukhi": "\u0a00-\u0a7f",
    "gujarati": "\u0a80-\u0aff",
    "tamil": "\u0b80-\u0bff",
    "telugu": "\u0c00-\u0c7f",
    "kannada": "\u0c80-\u0cff",
    "malayalam": "\u0d00-\u0d7f",
    "sinhala": "\u0d80-\u0dff",
    "ethiopic": "\u1200-\u137f",
}
_SCRIPTS = re.compile("|".join(f"(?P<{name}>[{letters}]+)" for name, letters in _RANGES.items()))
_OF_SCRIPT = {"han": frozenset({"zh"}), "kana": frozenset({"ja"})}
"""The language of a script without blanks, whose function words are no words of their own."""
_SHARED_SCRIPTS = frozenset({"latin", "cyrillic", "arabic", "devanagari"})
"""Scripts of several languages that the lists of function words tell apart."""
_CHINESE = re.compile("[吗嗎呢么麼谁誰哪这這那你们們]")
"""Characters that Japanese does not write."""


def _languages_by_word() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    # Most words are of one language, and share the set of it.
    known: dict[frozenset[str], frozenset[str]] = {}
    for language, words in LISTED_WORDS.items():
        for word in words:
            languages = found.get(word, frozenset()) | {language}
            found[word] = known.setdefault(languages, languages)
    return found


_LANGUAGES = _languages_by_word()
"""The languages that have a function word."""


def script_of(text: str) -> str:
    """Return the name of the script that most letters of `text` are in; "" if there are none.

    Japanese is "kana", however many Chinese characters it has.
    """
    letters: Counter[str] = Counter()
    for run in _SCRIPTS.finditer(text.lower()):
        letters[str(run.lastgroup)] += run.end() - run.start()
    if letters["kana"] * 10 > letters["han"]:
        letters["kana"] += letters.pop("han", 0)
    return max(letters, key=letters.__getitem__, default="") if letters.total() else ""


def languages_of(text: str) -> frozenset[str]:
    """Return the languages (ISO 639-1) that `text` may be in by its function words; none if there are too few."""
    listed = [word for word in _words(text) if word in _LANGUAGES]
    weights: dict[str, float] = defaultdict(float)
    for word in listed:
        for language in _LANGUAGES[word]:
            weights[language] += _weight(word)
    least = LIKELY_SHARE * max(weights.values(), default=0.0)
    likely = (language for language, weight in weights.items() if weight >= least)
    return frozenset(likely) if len(listed) >= MIN_LISTED else frozenset()


def languages_in(texts: Sequence[str], give_way: Callable[[], None] = do_nothing) -> frozenset[str]:
    """Return the languages (ISO 639-1) that `texts` are in; none if those of a text are not known."""
    share = min(MAX_READ_OF_SOURCE, MAX_READ // (len(texts) or 1))
    samples = [_sample(text, share) for text in paced(texts, give_way)]
    found = [_OF_SCRIPT.get(script_of(sample)) or languages_of(sample) for sample in paced(samples, give_way)]
    return frozenset().union(*found) if all(found) else frozenset()


def is_foreign(question: str, sources: Sequence[str], give_way: Callable[[], None] = do_nothing) -> bool:
    """Return whether `question` is certainly in another language than each of the `sources`.

    Reads at most `MAX_READ` characters of them. Calls `give_way` every few milliseconds.
    """
    question = unicodedata.normalize("NFC", question[:MAX_READ_OF_QUESTION])
    asked = script_of(question)
    share = min(MAX_READ_OF_SOURCE, MAX_READ // (len(sources) or 1))
    texts = [(script_of(text), text) for text in (_sample(source, share) for source in paced(sources, give_way))]
    scripts = {script for script, _ in texts if script}
    if not asked or not scripts:
        return False
    if asked not in scripts:
        # A question in Chinese characters alone may be Japanese.
        return asked != "han" or "kana" not in scripts or bool(_CHINESE.search(question))
    alike = [text for script, text in texts if script == asked]
    likely = [languages_of(text) for text in paced(alike, give_way)] if asked in _SHARED_SCRIPTS else [frozenset()]
    return all(likely) and _speaks_against(question, frozenset().union(*likely), " ".join(alike))


def _speaks_against(question: str, languages: frozenset[str], text: str) -> bool:
    """Return whether the function words and letters of `question` are those of a language not in `languages`."""
    words, letters = Counter(_words(text)), Counter(text.lower())
    total = words.total()
    usual = {word for word, times in words.items() if times * RARE_WORD >= total}
    usual.update(
        letter for letter, times in letters.items() if times * RARE_LETTER >= len(text) and _is_accented(letter)
    )
    own, strange = 0.0, 0
    weights: dict[str, float] = defaultdict(float)
    signs: Counter[str] = Counter()
    for word in dict.fromkeys(_words_outside_names(question)):
        those = _LANGUAGES.get(word, frozenset())
        if those & languages or (those and word in usual):
            own += _weight(word)
            continue
        strange += any(_is_accented(letter) and letter not in usual for letter in word)
        for language in those:
            weights[language] += _weight(word)
            long = len(word) >= LONG_QUESTION_WORD and word in QUESTION_WORDS.get(language, ())
            signs[language] += 2 if long else 1
    return strange >= max(MIN_SIGNS, MIN_RATIO * own) or any(
        weight >= max(MIN_WEIGHT, MIN_RATIO * own) and signs[language] + strange >= MIN_SIGNS
        for language, weight in weights.items()
    )


def _words(text: str) -> list[str]:
    """Return the words of `text` in lower case."""
    return WORD.findall(text.lower())


def _words_outside_names(text: str) -> Iterator[str]:
    """Yield the words in lower case, without those in names: capitals after the first word, and what is between them.

    "The Lord of the Rings" in a German question is no English.
    """
    words = WORD.findall(text)
    capital = [number > 0 and word[0].isupper() for number, word in enumerate(words)]
    for number, word in enumerate(words):
        between = any(capital[max(0, number - 2) : number]) and any(capital[number + 1 : number + 3])
        if not capital[number] and not between:
            yield word.lower()


def _is_accented(char: str) -> bool:
    """Return whether `char` is a letter that the English alphabet lacks."""
    return char > "\x7f" and char.isalpha()


def _weight(word: str) -> float:
    return float(len(_LANGUAGES[word]) ** -0.5)


def _sample(text: str, length: int) -> str:
    """Return `text`, or its beginning, middle and end, `length` characters together."""
    if len(text) <= length:
        return unicodedata.normalize("NFC", text)
    third, middle = length // 3, len(text) // 2
    return unicodedata.normalize("NFC", f"{text[:third]} {text[middle : middle + third]} {text[-third:]}")
