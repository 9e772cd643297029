"""A text that grows, and the steps in which calls are read from it. Pure, linear.

Each step is a generator that yields where it must wait for more text, so what it finds does not depend on how the text
is cut into pieces. A step that does not find what it needs raises `NoCall`. `Source.position` is then behind what the
step has read, so that no character is read as a call twice.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from typing import TypeVar

from services.chat.tools.call import NoCall

T = TypeVar("T")
Reading = Generator[None, None, T]
"""Yields to wait for more text, returns what was read. Raises `NoCall`."""


class Source:
    """The part of an answer that is not decided yet."""

    def __init__(self) -> None:
        self.text = ""
        self.position = 0
        """All before it is read."""
        self.ended = False
        """Whether no more text will come."""

    def forget(self) -> None:
        """Drop the text that is read."""
        self.text, self.position = self.text[self.position :], 0

    def peek(self) -> Reading[str]:
        """Return the next character, empty at the end of the answer."""
        while self.position == len(self.text):
            if self.ended:
                return ""
            yield
        return self.text[self.position]

    def take(self) -> Reading[str]:
        """Read one character. Raises `NoCall` at the end of the answer."""
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
        """Read `word`; return False where something else stands."""
        while True:
            if self.text.startswith(word, self.position):
                self.position += len(word)
                return True
            if self.ended or not word.startswith(self.text[self.position : self.position + len(word)]):
                return False
            yield

    def ahead(self, words: Iterable[str]) -> Reading[bool]:
        """Return whether one of `words` stands next. Reads nothing."""
        start = self.position
        for word in words:
            if (yield from self.literal(word)):
                self.position = start
                return True
        return False

    def require(self, word: str) -> Reading[None]:
        """Read `word`. Raises `NoCall` where something else stands."""
        if not (yield from self.literal(word)):
            raise NoCall

    def letters(self, most: int) -> Reading[str]:
        """Read up to `most` letters or underscores. Raises `NoCall` for more."""
        start = self.position
        while (char := (yield from self.peek())).isalpha() or char == "_":
            self.position += 1
            if self.position - start > most:
                raise NoCall
        return self.text[start : self.position]

    def name(self, names: Collection[str]) -> Reading[str]:
        """Read one of `names` as a whole word. Raises `NoCall` where another word stands."""
        most = max(map(len, names), default=0)
        while True:
            rest = self.text[self.position : self.position + most + 1]
            if self.ended or not any(name.startswith(rest) for name in names):
                break
            yield
        found = max((name for name in names if rest.startswith(name)), key=len, default="")
        if not found or is_word(rest[len(found) : len(found) + 1]):
            raise NoCall
        self.position += len(found)
        return found

    def until(self, word: str) -> Reading[str]:
        """Read up to `word`, and `word` too; return what stands before it."""
        start = seen = self.position
        while (end := self.text.find(word, seen)) < 0:
            self.stop_at_end()
            seen = max(start, len(self.text) - len(word) + 1)
            yield
        self.position = end + len(word)
        return self.text[start:end]

    def value(self, closer: str, followers: Collection[str]) -> Reading[str]:
        """Read up to the first `closer` behind which, after blanks, one of `followers` or nothing stands.

        A `closer` before anything else is a part of the value.
        """
        start = self.position
        while True:
            yield from self.until(closer)
            end = self.position - len(closer)
            yield from self.blanks()
            if (yield from self.ahead(followers)) or not (yield from self.peek()):
                return self.text[start:end]

    def json(self) -> Reading[str]:
        """Read the JSON object or list that begins here."""
        end = JsonEnd(self.position)
        while (found := end.find(self.text)) is None:
            self.stop_at_end()
            yield
        start, self.position = self.position, found
        return self.text[start:found]

    def stop_at_end(self) -> None:
        """Raise `NoCall` where no more text will come: what is cut off is no call."""
        if self.ended:
            self.position = len(self.text)
            raise NoCall


def is_word(char: str) -> bool:
    """Return whether a name that is followed by `char` goes on."""
    return char.isalnum() or char in ("_", "-")


def first_of(source: Source, readings: Iterable[Reading[T]]) -> Reading[T]:
    """Return the result of the first of `readings` that finds something here. Raises `NoCall` where none does."""
    start = furthest = source.position
    for reading in readings:
        source.position = start
        try:
            return (yield from reading)
        except NoCall:
            furthest = max(furthest, source.position)
    source.position = furthest
    raise NoCall


class JsonEnd:
    """Finds the end of the JSON object or list that begins at `start`, in a text that grows."""

    def __init__(self, start: int) -> None:
        self._position, self._depth = start, 0
        self._string = self._escaped = False

    def find(self, text: str) -> int | None:
        """Return the position after it, None while it is not complete."""
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
