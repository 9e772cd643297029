"""Tell whether a question is in another language than all sources, in which case shared words say nothing of them.

Scripts decide alone where they can. Languages of one script differ by function words.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from services.chat.rag.function_words import LISTED_WORDS
from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.words import WORD, count_unspaced

MAX_READ = 60_000
"""Characters of all sources together that are read."""
MAX_READ_OF_SOURCE = 2000
"""Characters of one source that are read."""
MAX_READ_OF_QUESTION = 2000
"""Characters of a question that are read."""

UNSPACED_PART = 4
"""A text of which one in so many characters is in a script without blanks is in a language of that script."""
TEXTS_PER_SLICE = 4
"""Sources of which the language is told between two breaths."""

RARE_WORD = 250
"""A word of which there is less than one in so many words of the sources may be a quotation in them."""
MIN_LISTED = 3
"""Function words that tell the language of a text."""
LIKELY_SHARE = 0.8
"""Share of the first language's weight from which another language is likely too, as with Danish and Norwegian."""
MIN_WEIGHT = 0.5
"""What the function words of the other language weigh at least. One that n languages share weighs 1 / sqrt(n)."""
IN_NAME = 0.5
"""What a word between two capitals counts, since it may belong to a name."""
MIN_RATIO = 1.5
"""What they weigh at least, compared with the function words of the source's languages."""
MIN_WORDS = 5
"""Words from which a source has a language."""
MIN_FOREIGN = 0.5
"""Share of the sources from which the others do not count. Pages in Chinese often have whole parts in English."""

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
LETTERS_PER_SIGN = {"han": 3, "kana": 2, "hangul": 2}
"""Letters of an alphabet that say as much as one character of these scripts: a brand in a question is one word."""
_has_latin = re.compile("[a-zA-Z]").search
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
_LETTERS = {language: frozenset("".join(words)) for language, words in LISTED_WORDS.items()}
_ALPHABETS = {
    letter: frozenset(language for language, letters in _LETTERS.items() if letter in letters)
    for letter in set(re.findall(f"[{_RANGES['latin']}{_RANGES['cyrillic']}]", " ".join(_LANGUAGES)))
    if letter > "\x7f"
}
"""The languages that have a letter of Latin or Cyrillic which English lacks, as far as their function words show."""
_SIGNS = {**_LANGUAGES, **_ALPHABETS}
"""The languages that a function word or a letter is a sign of."""


def script_of(text: str) -> str:
    """Return the name of the script that most letters of `text` are in; "" if there are none.

    Japanese is "kana", however many Chinese characters it has.
    """
    if text.isascii():
        return "latin" if _has_latin(text) else ""
    letters: Counter[str] = Counter()
    for run in _SCRIPTS.finditer(text.lower()):
        script = str(run.lastgroup)
        letters[script] += (run.end() - run.start()) * LETTERS_PER_SIGN.get(script, 1)
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
    samples = paced(_samples(texts, give_way), give_way, TEXTS_PER_SLICE)
    found = [_languages(sample) for sample in samples]
    return frozenset().union(*found) if all(found) else frozenset()


def _languages(sample: str) -> frozenset[str]:
    unspaced = count_unspaced(sample) * UNSPACED_PART >= len(sample)
    return _OF_SCRIPT.get(script_of(sample), frozenset()) if unspaced else languages_of(sample)


def languages_by_signs(text: str) -> dict[str, float]:
    """Return what the function words and letters of a short `text` weigh for each language (ISO 639-1)."""
    weights: dict[str, float] = defaultdict(float)
    for word in _words(unicodedata.normalize("NFC", text)):
        for sign in (word, *filter(_ALPHABETS.__contains__, word)):
            for language in _SIGNS.get(sign, ()):
                weights[language] += _weight(sign)
    return weights


def is_german(text: str) -> bool:
    """Return whether the function words of a short `text` are German ones rather than those of any other language."""
    weights: Counter[str] = Counter()
    for word in _words(text):
        weights.update(dict.fromkeys(_LANGUAGES.get(word, ()), 1))
    return weights["de"] > 0 and weights["de"] == max(weights.values())


def is_foreign(question: str, sources: Sequence[str], give_way: Callable[[], None] = do_nothing) -> bool:
    """Return whether `question` is in another language than half of the `sources` or more.

    Reads at most `MAX_READ` characters of them. Calls `give_way` every few milliseconds.
    """
    question = unicodedata.normalize("NFC", question[:MAX_READ_OF_QUESTION])
    asked = script_of(question)
    samples = paced(_samples(sources, give_way), give_way, TEXTS_PER_SLICE)
    foreign = [_differs(question, asked, sample) for sample in samples if script_of(sample)]
    return bool(asked and foreign) and sum(foreign) >= MIN_FOREIGN * len(foreign)


def _differs(question: str, asked: str, text: str) -> bool:
    """Return whether `question`, which is in the script `asked`, is in another language than `text`."""
    script = script_of(text)
    if script != asked:
        # A question in Chinese characters alone may be Japanese.
        return asked != "han" or script != "kana" or bool(_CHINESE.search(question))
    told = asked in _SHARED_SCRIPTS and len(_words(text)) >= MIN_WORDS
    return told and _speaks_against(question, languages_of(text), text)


def _speaks_against(question: str, own: frozenset[str], text: str) -> bool:
    """Return whether the function words of `question` are those of a language not in `own`, the languages of `text`."""
    words = Counter(_words(text))
    total = words.total()
    gains: dict[str, float] = defaultdict(float)
    shared: dict[str, float] = defaultdict(float)
    known = 0.0
    for sign, sure in _signs_outside_names(question).items():
        weight = _weight(sign) * sure
        usual = words[sign] > 1 and words[sign] * RARE_WORD >= total
        is_known = usual or bool(_SIGNS[sign] & own)
        known += weight * is_known
        for language in _SIGNS[sign]:
            (shared if is_known else gains)[language] += weight
    # What both languages have tells nothing.
    return any(gain >= max(MIN_WEIGHT, MIN_RATIO * (known - shared[name])) for name, gain in gains.items())


def _words(text: str) -> list[str]:
    """Return the words of `text` in lower case."""
    return WORD.findall(text.lower())


def _signs_outside_names(text: str) -> dict[str, float]:
    """Return the function words and letters of `text`, and how surely each is no part of a name, 0 to 1.

    In names are capitals after the first word, and perhaps what is between them: "The Lord of the Rings" in a German
    question is no English.
    """
    words = WORD.findall(text)
    capital = [number > 0 and word[0].isupper() for number, word in enumerate(words)]
    found: dict[str, float] = {}
    for number, word in enumerate(map(str.lower, words)):
        between = any(capital[max(0, number - 2) : number]) and any(capital[number + 1 : number + 3])
        for sign in () if capital[number] else (word, *filter(_ALPHABETS.__contains__, word)):
            if sign in _SIGNS:
                found[sign] = max(found.get(sign, 0.0), IN_NAME if between else 1.0)
    return found


def _weight(sign: str) -> float:
    return float(len(_SIGNS[sign]) ** -0.5)


def _samples(texts: Sequence[str], give_way: Callable[[], None]) -> list[str]:
    """Return what is read of each text, `MAX_READ` characters of all together."""
    share = min(MAX_READ_OF_SOURCE, MAX_READ // (len(texts) or 1))
    return [_sample(text, share) for text in paced(texts, give_way)]


def _sample(text: str, length: int) -> str:
    """Return `text`, or its beginning, middle and end, `length` characters together."""
    if len(text) <= length:
        return unicodedata.normalize("NFC", text)
    third, middle = length // 3, len(text) // 2
    return unicodedata.normalize("NFC", f"{text[:third]} {text[middle : middle + third]} {text[-third:]}")
