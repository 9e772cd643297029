"""Cut an answer at its stop strings while it streams.

- The answer ends where the earliest stop string begins; the stop string and all that follows are dropped. Of several
  that begin at the same place the shortest counts as found: it is complete first, however the text is chunked.
- Only a tail that may still grow into a stop string waits, so nothing is sent that must be taken back.
- A shorter stop string inside a longer one that is not yet decided has to wait for it: with ``abcd`` and ``bc``, the
  text ``abc`` waits until the next character (or the end) tells where to cut. The result therefore never depends
  on how the text was chunked.
- Empty stop strings are ignored: they would end every answer before it began.

Every character is looked at once per stop string (Knuth-Morris-Pratt), however long the answer grows.
"""

from __future__ import annotations

from collections.abc import Sequence


def _advance(stop: str, borders: Sequence[int], matched: int, char: str) -> int:
    """Return how many leading characters of `stop` the text ends with once `char` follows `matched` of them."""
    while matched and stop[matched] != char:
        matched = borders[matched - 1]
    return matched + (stop[matched] == char)


def _borders(stop: str) -> list[int]:
    """Return, for each prefix of `stop`, the length of its longest proper prefix that it also ends with."""
    borders = [0]
    for char in stop[1:]:
        borders.append(_advance(stop, borders, borders[-1], char))
    return borders


class _Matcher:
    """Look for one stop string; later text is ignored once it is found."""

    def __init__(self, stop: str) -> None:
        self.stop = stop
        self._borders = _borders(stop)
        self._seen = 0
        self._matched = 0

    @property
    def found(self) -> bool:
        return self._matched == len(self.stop)

    @property
    def start(self) -> int:
        """Return where in the answer the stop string begins, or the first place where it may still begin."""
        return self._seen - self._matched

    def feed(self, text: str) -> None:
        for char in text:
            if self.found:
                return
            self._matched = _advance(self.stop, self._borders, self._matched, char)
            self._seen += 1


class StopFilter:
    """Filter the pieces of one answer: send what `feed` returns until `stopped`, or what `flush` returns at the end."""

    def __init__(self, stops: Sequence[str]) -> None:
        """Take the stop strings."""
        self._matchers = [_Matcher(stop) for stop in stops if stop]
        self._buffer = ""
        self._sent = 0
        self.found = ""
        """The stop string that ended the answer. `flush` may still set it, see the module's third rule."""

    @property
    def stopped(self) -> bool:
        """Return whether a stop string was found."""
        return bool(self.found)

    def feed(self, text: str) -> str:
        """Return what may be sent now."""
        if self.stopped:
            return ""
        for matcher in self._matchers:
            matcher.feed(text)
        self._buffer += text
        return self._release(self._matchers)

    def flush(self) -> str:
        """Return the text that waited, at the natural end of the answer: what is not found by now never will be."""
        return self._release([matcher for matcher in self._matchers if matcher.found])

    def _release(self, matchers: Sequence[_Matcher]) -> str:
        """Return the unsent text up to the first place where one of `matchers` begins or may begin."""
        limit = min((matcher.start for matcher in matchers), default=self._sent + len(self._buffer))
        released, self._buffer = self._buffer[: limit - self._sent], self._buffer[limit - self._sent :]
        self._sent = limit
        found = [matcher.stop for matcher in matchers if matcher.found and matcher.start == limit]
        if found:
            # The shortest: see the module's first rule.
            self.found, self._buffer = min(found, key=len), ""
        return released
