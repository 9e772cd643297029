"""Make text of others fit for a line of a log, of a terminal or of an answer."""

from __future__ import annotations

SENTENCE_LENGTH = 600
"""The most characters of a sentence."""


def printable(sentence: str) -> str:
    """Return `sentence` with a question mark for what cannot be printed; what is longer than a sentence is cut off."""
    text = "".join(char if char.isprintable() else "?" for char in sentence[:SENTENCE_LENGTH])
    return text + ("..." if len(sentence) > SENTENCE_LENGTH else "")
