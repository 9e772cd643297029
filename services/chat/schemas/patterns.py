"""Read what is special in a regular expression: its counted repetitions and its classes. Pure, linear in its length."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Possessive: an unclosed class is read once to the end, and not again from each of its brackets.
_TOKEN = re.compile(r"\\.|\[(?:[^\]\\]|\\.)*+\]?|[()]|\{(\d+)(?:(,)(\d*))?\}", re.DOTALL)

_JAVASCRIPT = re.compile(r"\\.|\[(?:[^\]\\]|\\.)*+\]?|\.", re.DOTALL)
"""A class, or what means other characters to llguidance."""

_ANY = r"[^\n\r\u2028\u2029]"
_BLANK = r"[[\s\ufeff]--\x85]"
_MEANT = {".": _ANY, r"\s": _BLANK, r"\S": f"[^{_BLANK}]"}
"""What ``.`` and ``\\s`` mean to JavaScript and to the validator, in words of llguidance, also inside of a class."""

_LITERAL = re.compile(
    r"((?:[^\\\[{|*+?.^$]|\\[^dDwWsSpPbB]|\[(?:[^\\\]]|\\[^dDwWsSpP])\])++)|\[(?:[^\]\\]|\\.)*+\]?", re.DOTALL
)
"""Text that stands for itself, also as the one character of a class, or another class. Groups do not end a text."""

_QUOTED = re.compile(r"[\"\x00-\x1f\x7f]|\\(?:[\\ntrfvc]|[xu]\{|(?:x|u00)(?:[01]|22|5[cC]|7[fF]))")
"""What JSON writes with a backslash, in a pattern."""

_WIDE, _HOLE = re.compile(r"\\[SWDP]"), re.compile(r'"|\\\\|[^\\^]-[^\]]')
"""What a class leaves out of all characters: most of them, or quotes and backslashes by name or perhaps by a range."""

_CONTROLS = r"\x00-\x1f\x7f"

_ESCAPED = re.compile(r"\\.", re.DOTALL)

_SET_OPERATORS = ("[", "&&", "--", "~~")
"""What makes a set of characters of two, inside of a class. JavaScript takes it for characters."""

_DIGITS = 9
"""Digits of a count; one that has more is larger than any that is allowed."""

LARGEST = 10**_DIGITS
"""What every larger count or product counts as."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """What the counts of a pattern say."""

    product: int
    """The largest number of times that something is repeated, by counts that are nested in each other; at most
    `LARGEST`."""
    reverse: str
    """The first count whose numbers are in reverse order (``{5,2}``); empty without one."""


@dataclass
class _Groups:
    """Count the repetitions of the groups that are open."""

    open: list[int] = field(default_factory=lambda: [1])
    """The largest product of each open group so far; the first is that of the whole pattern."""
    end: int = -1
    """Where the last thing that can be repeated with its product ends."""
    last: int = 1

    def close(self, end: int) -> None:
        """Close a group whose text ends at `end`."""
        inner = self.open.pop() if len(self.open) > 1 else self.open[0]
        self._note(inner, end)

    def repeat(self, times: int, start: int, end: int) -> None:
        """Repeat what is before `start`."""
        # Without a limit, counts that are nested a thousand deep make a number that takes seconds to multiply.
        self._note(min(times * (self.last if self.end == start else 1), LARGEST), end)

    def _note(self, product: int, end: int) -> None:
        self.open[-1] = max(self.open[-1], product)
        self.last, self.end = product, end


def repetition(pattern: str) -> Repetition:
    """Return what the counts of `pattern` mean. A pattern that is none gives some result."""
    groups, reverse = _Groups(), ""
    for token in _TOKEN.finditer(pattern):
        if token[0] == "(":
            groups.open.append(1)
        elif token[0] == ")":
            groups.close(token.end())
        elif token[1]:
            least = count(token[1])
            most = count(token[3]) if token[3] else least
            if least > most:
                reverse = reverse or token[0][:40]
            groups.repeat(max(1, least, most), token.start(), token.end())
    return Repetition(max(groups.open), reverse)


def count(digits: str) -> int:
    """Return the number that `digits` mean, or a very large one."""
    # Python refuses to read thousands of digits, and none are needed.
    return int(digits) if len(digits) <= _DIGITS else LARGEST


def as_javascript(pattern: str) -> str:
    """Return `pattern` with the characters for llguidance that it has for the validator.

    Of a class that leaves out quotes or backslashes, control characters are left out too: beside those, release 1.0.1
    would take quotes and backslashes that JSON writes with a backslash.
    """
    return _JAVASCRIPT.sub(lambda token: _MEANT.get(token[0]) or _class(token[0]), pattern)


def _class(text: str) -> str:
    meant = _ESCAPED.sub(_meant, text)
    return (
        f"[^{_CONTROLS}{meant[2:]}"
        if text.startswith("[^") and _HOLE.search(text) and not _WIDE.search(text)
        else meant
    )


def _meant(escaped: re.Match[str]) -> str:
    return _MEANT.get(escaped[0], escaped[0])


def has_quoted_text(pattern: str) -> bool:
    """Return whether `pattern` has a text in it of which llguidance drops what is behind a quoted character."""
    return any(_QUOTED.search(text) for text in _LITERAL.findall(pattern))


def has_nested_class(pattern: str) -> bool:
    """Return whether `pattern` has a class of characters with another or an operator in it, as in ``[[:alpha:]]``."""
    classes = (_ESCAPED.sub(".", token[0][1:]) for token in _TOKEN.finditer(pattern) if token[0].startswith("["))
    return any(operator in inside for inside in classes for operator in _SET_OPERATORS)
