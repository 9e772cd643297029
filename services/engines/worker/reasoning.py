"""Tells where an answer's reasoning ends, so that stop strings leave it alone. Standard library only.

The tags stay in the text: `services.chat.reasoning` takes them out, and has the last word on what reasoning is.
"""

from __future__ import annotations

OPENINGS = ("<think>", "<thinking>")
CLOSINGS = {"<think>": "</think>", "<thinking>": "</thinking>"}


class Gate:
    """Feed it the pieces of one answer."""

    def __init__(self, opening: str = "") -> None:
        """`opening` is the tag that the prompt already ended with, if it did."""
        self._closing = CLOSINGS.get(opening, "")
        self._held = ""
        """While the answer may still begin with reasoning: all of it. In the reasoning: what finding its end needs."""
        self._open = True
        """Whether reasoning may still begin or go on."""

    def feed(self, text: str) -> tuple[str, str]:
        """The part that is reasoning, with its tags, and the part that is the answer."""
        if not self._open:
            return "", text
        return self._inside(text) if self._closing else self._start(text)

    def flush(self) -> str:
        """What was held back as a possible beginning, at the end: it is answer."""
        return "" if self._closing or not self._open else self._held

    def _start(self, text: str) -> tuple[str, str]:
        text, self._held = self._held + text, ""
        bare = text.lstrip()
        opening = next((tag for tag in OPENINGS if bare.startswith(tag)), "")
        if opening:
            self._closing = CLOSINGS[opening]
            return self._inside(text)
        if any(tag.startswith(bare) for tag in OPENINGS):
            self._held = text
            return "", ""
        self._open = False
        return "", text

    def _inside(self, text: str) -> tuple[str, str]:
        known = len(self._held)
        whole = self._held + text
        end = whole.find(self._closing)
        if end < 0:
            self._held = whole[-len(self._closing) + 1 :]
            return text, ""
        self._open = False
        cut = end + len(self._closing) - known
        return text[:cut], text[cut:]
