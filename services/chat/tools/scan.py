"""Finds calls in an answer while it is written, however it is cut into pieces. Pure, linear.

A call begins with its family's marker, and where an answer begins or a call ended also without: with bare JSON, or a
fence of it. Only what may still become a call is held back; what turns out to be none (an unknown name, broken JSON,
arguments that are no object) is text again as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from services.chat.tools.call import Call, calls_of

FENCE = "```"
CLOSERS = ("</tool_call>", FENCE, "[/TOOL_CALLS]", "<|eom_id|>", ";")
"""One of these may follow a call's JSON, and belongs to the call."""

KEYS = ("name", "arguments", "parameters", "function", "type", "id", "tool_calls")
"""With one of these a call's JSON begins."""


@dataclass(frozen=True, slots=True)
class Family:
    """How a family of models writes its calls."""

    marker: str
    """Before a call, anywhere in an answer."""
    named: bool = False
    """The name may stand before the JSON of the arguments: ``name[ARGS]{...}``."""


FAMILIES = {
    "hermes": Family("<tool_call>"),
    "llama": Family("<|python_tag|>"),
    "mistral": Family("[TOOL_CALLS]", named=True),
    "json": Family(FENCE),
}
"""Engines leave out markers that are special tokens; then a call is bare JSON at the start of the answer."""


class More(Exception):
    """More text must come before this can be told."""


def blanks(text: str, position: int) -> int:
    """After the blanks. Raises `More` where nothing else follows yet."""
    while position < len(text) and text[position].isspace():
        position += 1
    if position == len(text):
        raise More
    return position


def literal(text: str, position: int, word: str) -> int | None:
    """After `word`, None where something else stands. Raises `More` while it may still become `word`."""
    if text.startswith(word, position):
        return position + len(word)
    if word.startswith(text[position:]):
        raise More
    return None


def run(text: str, position: int, pattern: re.Pattern[str]) -> int:
    """After what `pattern` matches. Raises `More` where that reaches the end."""
    found = pattern.match(text, position)
    end = found.end() if found else position
    if end == len(text):
        raise More
    return end


_LANGUAGE = re.compile(r"[A-Za-z_]*")
_NAME = re.compile(r"[\w.:-]+")
_KEY = re.compile(r"[a-z_]*")


class Head:
    """What stands before a call's JSON, for one family and one set of tools."""

    def __init__(self, family: Family, names: Collection[str]) -> None:
        self._family, self._names = family, names

    def find(self, text: str, bare: bool) -> tuple[int, str] | None:
        """Where the JSON of the call that `text` begins with starts, and the name before it.

        None where there is no call; `bare` allows one without a marker. Raises `More`.
        """
        position = blanks(text, 0) if bare else 0
        after = literal(text, position, self._family.marker)
        if after is None and not bare:
            return None
        position = self._fenced(text, position if after is None else after, after is not None)
        name, position = self._name(text, position) if self._family.named else ("", position)
        if name:
            return (position, name) if text[position] == "{" else None
        return (position, "") if self._opens(text, position) else None

    def _fenced(self, text: str, position: int, marked: bool) -> int:
        """After a fence, and the language it names."""
        inside = marked and self._family.marker == FENCE
        if not inside:
            position = blanks(text, position)
            after = literal(text, position, FENCE)
            inside, position = after is not None, after or position
        return blanks(text, run(text, position, _LANGUAGE)) if inside else position

    def _name(self, text: str, position: int) -> tuple[str, int]:
        """The name of a tool at `position`, and where its arguments begin."""
        found = _NAME.match(text, position)
        if found is None:
            return "", position
        if found.end() == len(text) and any(name.startswith(found[0]) for name in self._names):
            raise More
        if found[0] not in self._names:
            return "", position
        end = found.end()
        if (after := literal(text, blanks(text, end), "[CALL_ID]")) is not None:
            end = run(text, after, _NAME)
        if (after := literal(text, blanks(text, end), "[ARGS]")) is not None:
            end = after
        return found[0], blanks(text, end)

    def _opens(self, text: str, position: int) -> bool:
        """Whether a call's JSON opens at `position`: an object, or a list of them, with a key that calls have."""
        if text[position] == "[":
            position = blanks(text, position + 1)
        if text[position] != "{":
            return False
        position = blanks(text, position + 1)
        if text[position] != '"':
            return False
        end = len(_KEY.match(text, position + 1)[0]) + position + 1  # type: ignore[index]
        key = text[position + 1 : end]
        if end == len(text) and any(known.startswith(key) for known in KEYS):
            raise More
        return key in KEYS and text[end] == '"'


class JsonEnd:
    """Finds the end of the JSON object or list that begins at `start`, in a text that grows."""

    def __init__(self, start: int, name: str = "") -> None:
        self.start, self.name = start, name
        self._position, self._depth = start, 0
        self._string = self._escaped = False

    def find(self, text: str) -> int | None:
        """The position after it, None while it is not complete."""
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


class Scanner:
    """The state for one answer."""

    def __init__(self, family: Family, names: Collection[str]) -> None:
        """`names` are those of the tools that are offered."""
        self._marker, self._names, self._head = family.marker, names, Head(family, names)
        self._rest = ""
        """What is not decided yet."""
        self._bare = True
        """Whether a call may begin here without a marker."""
        self._ended = False
        """Whether a call has just ended, so that a closer may follow."""
        self._json: JsonEnd | None = None
        """The JSON of the call that `_rest` seems to begin with."""

    def feed(self, text: str) -> list[str | Call]:
        """What `text` decides: pieces of text, and calls."""
        self._rest += text
        found: list[str | Call] = []
        try:
            while self._rest:
                found += self._step()
        except More:
            pass
        return found

    def finish(self) -> list[str | Call]:
        """What was held back, at the end of the answer: it has become no call."""
        rest, self._rest = self._rest, ""
        if self._ended:
            rest = rest.strip()
        return [rest] if rest and not (self._ended and rest in CLOSERS) else []

    def _step(self) -> Iterator[str | Call]:
        """Decide what the rest begins with. Raises `More`."""
        if self._ended:
            self._close()
        if self._json is None:
            head = self._head.find(self._rest, self._bare)
            if head is None:
                return self._text()
            self._json = JsonEnd(*head)
        end = self._json.find(self._rest)
        if end is None:
            raise More
        return self._decided(end, self._json)

    def _decided(self, end: int, json: JsonEnd) -> Iterator[str | Call]:
        """The candidate that ends at `end`: its calls, or its text."""
        candidate, self._rest, self._json = self._rest[:end], self._rest[end:], None
        calls: list[str | Call] = [*calls_of(candidate[json.start :], self._names, json.name)]
        self._bare = self._ended = bool(calls)
        yield from calls or [candidate]

    def _text(self) -> Iterator[str]:
        """What is certainly text, up to where the next call may begin."""
        self._bare = False
        found = self._rest.find(self._marker, 1)
        end = found if found >= 0 else len(self._rest) - overlap(self._rest, self._marker)
        text, self._rest = self._rest[:end], self._rest[end:]
        yield text

    def _close(self) -> None:
        """Drop a closer and the blanks around it. Raises `More`."""
        position = blanks(self._rest, 0)
        found = (literal(self._rest, position, closer) for closer in CLOSERS)
        position = next((after for after in found if after is not None), position)
        self._rest, self._ended = self._rest[blanks(self._rest, position) :], False


def overlap(text: str, word: str) -> int:
    """How many of the last characters of `text` may be the beginning of `word`."""
    return next((size for size in range(min(len(text), len(word) - 1), 0, -1) if text.endswith(word[:size])), 0)
