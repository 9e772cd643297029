"""Find calls in an answer while it is written, however it is cut into pieces. Takes linear time.

A call begins with a marker of its family; at the beginning of an answer or behind a call also without one. Only text
that may still become a call is held back. If it turns out not to be a call (an unknown name, invalid arguments, a
missing end), all of it is text again.
"""

from __future__ import annotations

import re

from services.chat.tools.call import NoCall, ParsedCall
from services.chat.tools.families.base import Family
from services.chat.tools.json_calls import FENCE
from services.chat.tools.reader import Reader, Reading, first_of
from services.chat.tools.values import ToolSchemas


class Scanner:
    """Find the calls in one answer."""

    def __init__(self, family: Family, tools: ToolSchemas) -> None:
        """Take the model's family, and the tools that are offered."""
        self._family, self._tools = family, tools
        self._markers = re.compile("|".join(map(re.escape, family.markers)))
        self._reader = Reader()
        self._results: list[str | ParsedCall] = []
        self._reading = self._read()

    def feed(self, text: str) -> list[str | ParsedCall]:
        """Return what can be decided with `text`: pieces of text, and calls."""
        self._reader.text += text
        return self._advance()

    def finish(self) -> list[str | ParsedCall]:
        """Return what was held back, at the end of the answer."""
        self._reader.ended = True
        return self._advance()

    def _advance(self) -> list[str | ParsedCall]:
        next(self._reading, None)
        results, self._results = self._results, []
        return results

    def _read(self) -> Reading[None]:
        """Read the whole answer into `_results`."""
        bare = True
        while (yield from self._reader.peek()):
            # Decided text is dropped, so memory does not grow with the answer.
            self._reader.forget()
            try:
                calls = yield from self._read_calls(bare)
            except NoCall:
                yield from self._read_text()
                bare = False
            else:
                self._results += calls
                yield from self._read_closers()
                bare = True

    def _read_calls(self, bare: bool) -> Reading[list[ParsedCall]]:
        """Read the calls that begin here; with `bare` also those without a marker. Raises `NoCall`."""
        if bare:
            yield from self._reader.blanks()
        readings = [*self._family.readings_after_marker(self._reader, self._tools)]
        # Elsewhere a call needs its marker: a sentence may contain JSON or a tool's name.
        readings += self._family.readings_without_marker(self._reader, self._tools) if bare else []
        return (yield from first_of(self._reader, readings))

    def _read_text(self) -> Reading[None]:
        """Read what looked like a call and is none, up to where the next call may begin."""
        reader, search_from = self._reader, max(self._reader.position, 1)
        while True:
            if marker := self._markers.search(reader.text, search_from):
                reader.position = marker.start()
            elif reader.ended:
                reader.position = len(reader.text)
            else:
                reader.position = len(reader.text) - self._overlap(len(reader.text) - search_from)
            if reader.position:
                self._results.append(reader.text[: reader.position])
                reader.forget()
            if marker or reader.ended:
                return
            search_from = 0
            yield

    def _overlap(self, limit: int) -> int:
        """Return how many of the last `limit` characters may be the beginning of a marker."""
        text = self._reader.text
        sizes = (
            size
            for marker in self._family.markers
            for size in range(min(limit, len(marker) - 1), 0, -1)
            if text.endswith(marker[:size])
        )
        return max(sizes, default=0)

    def _read_closers(self) -> Reading[None]:
        """Drop the closers behind a call, and the blanks around them."""
        yield from self._reader.blanks()
        while (yield from self._read_closer()):
            yield from self._reader.blanks()

    def _read_closer(self) -> Reading[bool]:
        """Read one closer, and return whether there was one. A fence with a language is none: it opens a block."""
        start = self._reader.position
        for closer in self._family.closers:
            if (yield from self._reader.literal(closer)):
                if closer != FENCE or not (yield from self._reader.peek()).isalpha():
                    return True
                self._reader.position = start
        return False
