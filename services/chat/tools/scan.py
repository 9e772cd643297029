"""Finds calls in an answer while it is written, however it is cut into pieces. Pure, linear.

A call begins with a marker of its family, and where an answer begins or a call ended also without one. Only what may
still become a call is kept back. What is no call (an unknown name, a broken body, an end that is missing) is text again
as a whole.
"""

from __future__ import annotations

import re

from services.chat.tools.call import Call, NoCall
from services.chat.tools.families.base import Family
from services.chat.tools.json_calls import FENCE
from services.chat.tools.source import Reading, Source, first_of
from services.chat.tools.values import Tools


class Scanner:
    """The state for one answer."""

    def __init__(self, family: Family, tools: Tools) -> None:
        """`tools` are those that are offered."""
        self._family, self._tools = family, tools
        self._markers = re.compile("|".join(map(re.escape, family.markers)))
        self._source = Source()
        self._found: list[str | Call] = []
        self._reading = self._read()

    def feed(self, text: str) -> list[str | Call]:
        """Return what `text` decides: pieces of text, and calls."""
        self._source.text += text
        return self._go_on()

    def finish(self) -> list[str | Call]:
        """Return what was kept back, at the end of the answer."""
        self._source.ended = True
        return self._go_on()

    def _go_on(self) -> list[str | Call]:
        next(self._reading, None)
        found, self._found = self._found, []
        return found

    def _read(self) -> Reading[None]:
        """Read the answer into `_found`."""
        bare = True
        while (yield from self._source.peek()):
            self._source.forget()
            try:
                calls = yield from self._calls(bare)
            except NoCall:
                yield from self._text()
                bare = False
            else:
                self._found += calls
                yield from self._close()
                bare = True

    def _calls(self, bare: bool) -> Reading[list[Call]]:
        """Read the calls that begin here. Raises `NoCall`."""
        if bare:
            yield from self._source.blanks()
        readings = [*self._family.marked(self._source, self._tools)]
        readings += self._family.bare(self._source, self._tools) if bare else []
        return (yield from first_of(self._source, readings))

    def _text(self) -> Reading[None]:
        """Read what was taken for a call and is none, and all up to where the next call may begin."""
        source, least = self._source, max(self._source.position, 1)
        while True:
            if found := self._markers.search(source.text, least):
                source.position = found.start()
            elif source.ended:
                source.position = len(source.text)
            else:
                source.position = len(source.text) - self._overlap(len(source.text) - least)
            if source.position:
                self._found.append(source.text[: source.position])
                source.forget()
            if found or source.ended:
                return
            least = 0
            yield

    def _overlap(self, most: int) -> int:
        """Return how many of the last characters, at most `most`, may be the beginning of a marker."""
        text = self._source.text
        sizes = (
            size
            for marker in self._family.markers
            for size in range(min(most, len(marker) - 1), 0, -1)
            if text.endswith(marker[:size])
        )
        return max(sizes, default=0)

    def _close(self) -> Reading[None]:
        """Drop the closers behind a call, and the blanks around them."""
        yield from self._source.blanks()
        while (yield from self._closer()):
            yield from self._source.blanks()

    def _closer(self) -> Reading[bool]:
        """Read one closer. A fence that names a language opens a new one and is none."""
        start = self._source.position
        for closer in self._family.closers:
            if (yield from self._source.literal(closer)):
                if closer != FENCE or not (yield from self._source.peek()).isalpha():
                    return True
                self._source.position = start
        return False
