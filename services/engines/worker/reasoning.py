"""Tell where an answer's reasoning ends, so that stop strings leave it alone. Standard library only.

The tags stay in the text: `services.chat.reasoning` takes them out, and decides what reasoning is.
"""

from __future__ import annotations

OPENINGS = ("<think>", "<thinking>")
CLOSINGS = {"<think>": "</think>", "<thinking>": "</thinking>"}


def without_reasoning(text: str) -> str:
    """Return an earlier answer without the reasoning that it begins with; empty if it ended inside of it."""
    bare = text.lstrip()
    opening = next((tag for tag in OPENINGS if bare.startswith(tag)), "")
    return bare.partition(CLOSINGS[opening])[2].lstrip() if opening else text


class ReasoningGate:
    """Split the pieces of one answer into reasoning and the rest. `feed` it each piece, then `flush` it."""

    def __init__(self, opening: str = "") -> None:
        """Take the `opening` tag that the prompt already ended with, if it did."""
        self._closing = CLOSINGS.get(opening, "")
        self._buffer = ""
        """While the answer may still begin with reasoning: all of it. In the reasoning: what finding its end needs."""
        self._open = True
        """Whether reasoning may still begin or go on."""

    def feed(self, text: str) -> tuple[str, str]:
        """Return the part that is reasoning, with its tags, and the part that is the answer."""
        if not self._open:
            return "", text
        return self._inside(text) if self._closing else self._start(text)

    def flush(self) -> str:
        """Return, at the end, the text that waited as a possible opening tag: it is answer."""
        return "" if self._closing or not self._open else self._buffer

    def _start(self, text: str) -> tuple[str, str]:
        text, self._buffer = self._buffer + text, ""
        bare = text.lstrip()
        opening = next((tag for tag in OPENINGS if bare.startswith(tag)), "")
        if opening:
            self._closing = CLOSINGS[opening]
            return self._inside(text)
        if any(tag.startswith(bare) for tag in OPENINGS):
            self._buffer = text
            return "", ""
        self._open = False
        return "", text

    def _inside(self, text: str) -> tuple[str, str]:
        known = len(self._buffer)
        whole = self._buffer + text
        end = whole.find(self._closing)
        if end < 0:
            # The text goes on at once; its tail is kept to find a tag that comes in two pieces.
            self._buffer = whole[-len(self._closing) + 1 :]
            return text, ""
        self._open = False
        cut = end + len(self._closing) - known
        return text[:cut], text[cut:]
