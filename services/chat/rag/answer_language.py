"""Tell in which of the languages of the prompt a question is, since a small model answers in that of its task."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from services.chat.rag.aim import languages_of_aim
from services.chat.rag.language import languages_by_signs
from services.chat.rag.sources import Source
from services.chat.rag.words import WORD

LATIN = ("en", "de", "es", "fr", "it", "pt", "nl", "pl", "tr")
"""The languages of the prompt with Latin letters; of equally likely ones the first."""

ABOUT_TEXT = 0.5
"""What a word about texts, as "resumen", weighs compared with a function word; languages share more of them."""

MAX_READ, MAX_READ_SOURCES = 500, 8
"""Characters of a source, and sources, that tell the language of a question that does not."""

LEAST_SHARE = 2 / 3
"""Share of the likeliest language's weight that one of the prompt needs: Vietnamese has letters and words of Spanish."""

_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("zh", re.compile("[\u3400-\u9fff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("uk", re.compile("[іїєґІЇЄҐ]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
)
"""Scripts that identify a language; the more specific ones come first, since Japanese and Ukrainian share characters
with Chinese and Russian."""


def language_of(question: str, sources: Sequence[Source] = ()) -> str:
    """Return the language of a question (ISO 639-1), as far as the prompt has it; ``en`` if it is unknown.

    Where its words are as much of one language as of another, the beginnings of the `sources` decide.
    """
    for name, script in _SCRIPTS:
        if script.search(question):
            return name
    weights = _weights(question)
    most = max(weights[name] for name in LATIN)
    if most < LEAST_SHARE * max(weights.values()):
        return "en"
    likely = [name for name in LATIN if weights[name] == most]
    if len(likely) == 1 or not most:
        return likely[0]
    read = languages_by_signs(" ".join(source.text[:MAX_READ] for source in sources[:MAX_READ_SOURCES]))
    return max(likely, key=lambda name: read.get(name, 0.0))


def _weights(question: str) -> dict[str, float]:
    """Return what the words and letters of a question weigh for each language."""
    weights: dict[str, float] = defaultdict(float, languages_by_signs(question))
    for word in WORD.findall(question.lower()):
        languages = languages_of_aim(word)
        for language in languages:
            weights[language] += ABOUT_TEXT * len(languages) ** -0.5
    return weights
