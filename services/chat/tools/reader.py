"""Read calls from a text that grows.

Each step is a generator. It yields when it needs more text, so its result does not depend on how the text is cut into
pieces. A step that does not find what it needs raises `NoCall`; `Reader.position` is then behind the characters that it
has read, so that no character is examined as a call twice. This keeps the time linear.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from typing import TypeVar

from services.chat.tools.call import NoCall

T = TypeVar("T")
Reading = Generator[None, None, T]
"""Yields when it needs more text, and returns what was read. Raises `NoCall`."""


class Reader:
    """The part of an answer that is not decided yet, and the steps that read it."""

    def __init__(self) -> None:
        self.text = ""
        self.position = 0
        """Everything before this index is read."""
        self.ended = False
        """Whether no more text will come."""

    def forget(self) -> None:
        """Drop the text that is read."""
        self.text, self.position = self.text[self.position :], 0

    def peek(self) -> Reading[str]:
        """Return the next character without reading it; empty at the end of the answer."""
        while self.position == len(self.text):
            if self.ended:
                return ""
            yield
        return self.text[self.position]

    def take(self) -> Reading[str]:
        """Read and return one character. Raises `NoCall` at the end of the answer."""
        char = yield from self.peek()
        if not char:
            raise NoCall
        self.position += 1
        return char

    def blanks(self) -> Reading[None]:
        """Read all blanks."""
        while (yield from self.peek()).isspace():
            self.position += 1

    def literal(self, word: str) -> Reading[bool]:
        """Read `word` and return True; return False without reading anything if something else comes."""
        while True:
            if self.text.startswith(word, self.position):
                self.position += len(word)
                return True
            # Wait only while the text so far is a beginning of the word.
            if self.ended or not word.startswith(self.text[self.position : self.position + len(word)]):
                return False
            yield

    def may_begin(self, words: Iterable[str]) -> bool:
        """Return whether one of `words` is here, or may be once more text has come."""
        text, start = self.text, self.position
        return any(text.startswith(word, start) or word.startswith(text[start : start + len(word)]) for word in words)

    def ahead(self, words: Iterable[str]) -> Reading[bool]:
        """Return whether one of `words` comes next, without reading it."""
        start = self.position
        for word in words:
            if (yield from self.literal(word)):
                self.position = start
                return True
        return False

    def require(self, word: str) -> Reading[None]:
        """Read `word`. Raises `NoCall` if something else comes."""
        if not (yield from self.literal(word)):
            raise NoCall

    def letters(self, limit: int) -> Reading[str]:
        """Read and return up to `limit` letters or underscores. Raises `NoCall` for more."""
        start = self.position
        while (char := (yield from self.peek())).isalpha() or char == "_":
            self.position += 1
            if self.position - start > limit:
                raise NoCall
        return self.text[start : self.position]

    def name(self, names: Collection[str]) -> Reading[str]:
        """Read and return one of `names` as a whole word. Raises `NoCall` for any other word."""
        limit = max(map(len, names), default=0)
        while True:
            rest = self.text[self.position : self.position + limit + 1]
            if self.ended or not any(name.startswith(rest) for name in names):
                break
            yield
        name = max((name for name in names if rest.startswith(name)), key=len, default="")
        if not name or is_word(rest[len(name) : len(name) + 1]):
            raise NoCall
        self.position += len(name)
        return name

    def until(self, word: str) -> Reading[str]:
        """Read up to and including `word`; return the text before it. Raises `NoCall` at the end of the answer."""
        start = seen = self.position
        while (end := self.text.find(word, seen)) < 0:
            self.stop_at_end()
            # The word may be cut: search again from where its beginning may stand.
            seen = max(start, len(self.text) - len(word) + 1)
            yield
        self.position = end + len(word)
        return self.text[start:end]

    def value(self, closer: str, followers: Collection[str]) -> Reading[str]:
        """Read a value up to the first `closer` that is followed by one of `followers`, or by the end of the answer.

        Blanks may come between them. A `closer` before anything else is part of the value, so values may contain it.
        Raises `NoCall`.
        """
        start = self.position
        while True:
            yield from self.until(closer)
            end = self.position - len(closer)
            yield from self.blanks()
            if (yield from self.ahead(followers)) or not (yield from self.peek()):
                return self.text[start:end]

    def json(self) -> Reading[str]:
        """Read and return the JSON object or list that begins here. Raises `NoCall` if it is not complete."""
        json_end = JsonEnd(self.position)
        while (end := json_end.find(self.text)) is None:
            self.stop_at_end()
            yield
        start, self.position = self.position, end
        return self.text[start:end]

    def stop_at_end(self) -> None:
        """Raise `NoCall` if no more text will come: a call that is cut off is text."""
        if self.ended:
            self.position = len(self.text)
            raise NoCall


def is_word(char: str) -> bool:
    """Return whether a name that is followed by `char` continues."""
    return char.isalnum() or char in ("_", "-")


def first_of(reader: Reader, readings: Iterable[Reading[T]]) -> Reading[T]:
    """Return the result of the first of `readings` that succeeds here. Raises `NoCall` if none does."""
    start = furthest = reader.position
    for reading in readings:
        reader.position = start
        try:
            return (yield from reading)
        except NoCall:
            furthest = max(furthest, reader.position)
    # All readings failed: what any of them has read is text, and is not tried again.
    reader.position = furthest
    raise NoCall


class JsonEnd:
    """Find the end of the JSON object or list that begins at `start`, in a text that grows."""

    def __init__(self, start: int) -> None:
        self._position, self._depth = start, 0
        self._string = self._escaped = False

    def find(self, text: str) -> int | None:
        """Return the index behind it; None while it is not complete. Each character is examined once."""
        for position in range(self._position, len(text)):
            self._step(text[position])
            if not self._depth:
                return position + 1
        self._position = len(text)
        return None

    def _step(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif self._string:
            self._escaped, self._string = char == "\\", char != '"'
        elif char == '"':
            self._string = True
        else:
            self._depth += (char in "{[") - (char in "}]")
