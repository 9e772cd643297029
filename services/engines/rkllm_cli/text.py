"""What the `rkllm` program writes, and what is written to it, as text. Pure.

One turn of the program, after it has read a line (``robot: `` and ``user: ``, or ``LLM: `` and ``You: ``)::

    robot: TEXT \\n [performance table] \\n user: _       the answer, and the next prompt
    robot: TEXT \\run error\\n          \\n user: _       the runtime failed; TEXT may be empty

The table is there when the runtime writes it to stdout; it also occurs on stderr. Only the very end of a turn is taken
for an ending: whatever looks like one inside the answer is part of the answer.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.core.errors import EngineFailed
from services.core.message import Messages

MARKS = {"\nuser: ": "robot: ", "\nYou: ": "LLM: "}
"""How each known build asks, and how it begins an answer."""

ERROR = "\\run error"

RULE = r"I rkllm: +-{20,}\n"
LINE = (
    r"I rkllm: +(?:-{20,}|Model init time \(ms\)[^\n]*|Stage +Total Time[^\n]*|(?:Init|Prefill|Generate) [^\n]*"
    r"|(?:Peak )?Memory Usage \(GB\)[^\n]*|[\d.]+ *)\n"
)
"""Any line of a performance table."""

TABLE = re.compile(
    rf"{RULE}(?:I rkllm: +Model init time \(ms\) +[\d.]+ *\n{RULE})?"
    rf"I rkllm: +Stage +Total Time \(ms\) +Tokens [^\n]*\n(?:{RULE})?(?:I rkllm: +Init [^\n]*\n)?"
    rf"I rkllm: +Prefill [ \d.]+\nI rkllm: +Generate [ \d.]+\n(?:{RULE})?"
    rf"I rkllm: +(?:Peak )?Memory Usage \(GB\)(?:\nI rkllm: )?[ \d.]+\n(?:{RULE})?(?P<line_end>\n?)\Z"
)
"""A table as the runtime writes it, whole and at the end: answers may speak of tables too."""

STATISTICS = re.compile(r"I rkllm: +(Prefill|Generate) +([\d.]+) +(\d+) +[\d.]+ +[\d.]+\Z")

ROLES = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


@dataclass(frozen=True, slots=True)
class Row:
    """One stage of a performance table."""

    milliseconds: float
    tokens: int


def row(line: str) -> tuple[str, Row] | None:
    """``Prefill`` or ``Generate`` with its numbers, where `line` is such a row of a table."""
    found = STATISTICS.match(line.rstrip())
    return (found[1], Row(float(found[2]), int(found[3]))) if found else None


def prompt(messages: Messages) -> str:
    """A conversation as the one user turn the program takes: a question alone as it is, else a line per message."""
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0].text
    return "\n".join(f"{ROLES[message.role]}: {message.text}" for message in messages)


def one_line(text: str) -> str:
    """The program takes a line for a turn, so line ends become blanks."""
    return re.sub(r"\r\n|\r|\n", " ", text)


def until_end(text: str) -> str:
    """For a program that reads up to a line ``__END__``; such a line of the text's own is indented."""
    return re.sub(r"^(?=__END__\r?$)", " ", text, flags=re.MULTILINE) + "\n__END__"


def greeting(text: str) -> str:
    """The prompt that ends what the program says before its first turn. Raises `EngineFailed` for an unknown build."""
    for mark in MARKS:
        if text.endswith(mark):
            return mark
    raise unknown_build("asks for input", text[-40:], sorted(MARKS))


def unknown_build(moment: str, found: str, needed: Sequence[str]) -> EngineFailed:
    wanted = " or ".join(repr(mark.strip()) for mark in needed)
    return EngineFailed(
        f"The rkllm program wrote {found!r} where a known build {moment}; needed is {wanted}. "
        "Use llm_demo of Rockchip's runtime 1.1 to 1.3, or the native engine (engine: rkllm in model.yaml)."
    )


def ending(mark: str) -> re.Pattern[str]:
    """Finds the first place of a text from where it may be the beginning of a turn's ending."""
    table_line = rf"{started('I rkllm: ')}|I rkllm: [^\n]{{0,200}}"
    return re.compile(rf"(?:{started(f'{ERROR}{chr(10)}{mark}')}|\n?(?:{LINE})*(?:{table_line}|\n?{started(mark)}))\Z")


def started(text: str) -> str:
    """A pattern for every beginning of `text`, down to nothing."""
    return "".join(f"(?:{re.escape(char)}" for char in text) + ")?" * len(text)


ENDINGS = {mark: ending(mark) for mark in MARKS}


class Answer:
    """One turn's output, in the program's own writes, to the text of its answer."""

    def __init__(self, mark: str, limit: int) -> None:
        """`mark` is the program's prompt, a key of `MARKS`; after `limit` tokens the text is cut."""
        self._mark, self._limit = mark, limit
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self._opened = False
        self._writes = 0
        self._cut: int | None = None
        """Where in `_held` the text is cut, once enough was written."""
        self.tokens = 0
        """Of the text so far: an unbuffered program writes each by itself."""
        self.full = False
        """Whether the limit was met."""
        self.failed = False
        """After `end`: whether the runtime reported an error."""
        self.rows: dict[str, Row] = {}
        """After `end`: the table's, where it was in the output."""

    @property
    def begun(self) -> bool:
        """Whether the first token is there."""
        return self._writes > 0

    def feed(self, data: bytes) -> str:
        """What may be sent on now. Raises `EngineFailed` when this is no answer of a known build."""
        self._held += self._decoder.decode(data)
        if not self._opened and not self._open():
            return ""
        self._writes += 1
        if self._writes == self._limit:
            self._cut = len(self._held)
        return self._release()

    def _open(self) -> bool:
        """Take the mark before the answer; True when there is more than the mark."""
        opening = MARKS[self._mark]
        if not self._held.startswith(opening[: len(self._held)]):
            raise unknown_build("begins an answer", self._held[:40], [opening])
        self._opened = self._held.startswith(opening)
        if self._opened:
            self._held = self._held.removeprefix(opening)
        return self._opened and bool(self._held)

    def _release(self) -> str:
        found = ENDINGS[self._mark].search(self._held)
        released = self._within(self._held[: found.start() if found else None])
        self._held = self._held[len(released) :]
        if not self._held:
            self.tokens = self._writes
        if self._cut is not None:
            self._cut -= len(released)
        return released

    def _within(self, text: str) -> str:
        """`text` up to the cut."""
        self.full = self._cut is not None and len(text) >= self._cut
        return text[: self._cut] if self.full else text

    def end(self, table: bool) -> str:
        """The rest of the text. `table`: the performance table may be in the output. Raises as `feed` does."""
        text = self._held + self._decoder.decode(b"", final=True)
        if not self._opened or not text.endswith(self._mark):
            raise unknown_build("asks for the next input", text[-40:], [self._mark])
        text = text.removesuffix(self._mark)
        found = TABLE.search(text) if table else None
        if found:
            self.rows = dict(filter(None, map(row, found[0].splitlines())))
            return self._within(text[: found.start()].removesuffix("" if found["line_end"] else "\n"))
        self.failed = table and text.endswith(f"{ERROR}\n")
        return self._within(text.removesuffix(f"{ERROR}\n" if self.failed else "\n"))
