r"""Write and read the text that is exchanged with the `rkllm` program. Pure.

One exchange, after it has read a line (``robot: `` and ``user: ``, or ``LLM: `` and ``You: ``)::

    robot: TEXT \n [performance table] \n user: _       the answer, and the next prompt
    robot: TEXT \run error\n          \n user: _       the runtime failed; TEXT may be empty

The table is there when the runtime writes it to stdout; it also occurs on stderr. Only the very end of the output is
taken for an ending: whatever looks like one inside the answer is part of the answer.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.core.errors import EngineFailed
from services.core.message import Message, Messages
from services.engines.npu.reports import NUMBER
from services.engines.worker.reasoning import without_reasoning

MARKS = {"\nuser: ": "robot: ", "\nYou: ": "LLM: "}
"""How each known build prompts, and how it begins an answer."""

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
    rf"I rkllm: +Prefill [ \d.infa-]+\nI rkllm: +Generate [ \d.infa-]+\n(?:{RULE})?"
    rf"I rkllm: +(?:Peak )?Memory Usage \(GB\)(?:\nI rkllm: )?[ \d.]+\n(?:{RULE})?(?P<line_end>\n?)\Z"
)
"""A table as the runtime writes it, whole and at the end: answers may speak of tables too."""

SPEED = r"(?:[\d.]+|inf|-?nan)"
"""A time per token or tokens per second; of no tokens, or in no time, it is no number."""

STATISTICS = re.compile(
    rf"I rkllm: +(Prefill|Generate) +({NUMBER}(?:\.{NUMBER})?) +({NUMBER}) +{SPEED} +{SPEED}\Z", re.ASCII
)

ROLES = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


@dataclass(frozen=True, slots=True)
class Row:
    """Carry one stage of a performance table."""

    milliseconds: float
    tokens: int


def row(line: str) -> tuple[str, Row] | None:
    """Return ``Prefill`` or ``Generate`` with its numbers, where `line` is such a row of a table."""
    found = STATISTICS.match(line.rstrip())
    return (found[1], Row(float(found[2]), int(found[3]))) if found else None


def prompt(messages: Messages) -> str:
    """Return a conversation as one message of the user, each message with its role; the text only grows at its end.

    A question at its beginning has no role: alone it needs none, and later the runtime's cache has it so.
    """
    return "\n".join(
        message.text if index == 0 and message.role == "user" else f"{ROLES[message.role]}: {said(message)}"
        for index, message in enumerate(messages)
    )


def said(message: Message) -> str:
    """Return the text of a message; of an earlier answer without its reasoning, which is only for that answer."""
    return without_reasoning(message.text) if message.role == "assistant" else message.text


def one_line(text: str) -> str:
    """Replace line ends with blanks: the program takes one line as one message."""
    return re.sub(r"\r\n|\r|\n", " ", text)


def until_end(text: str) -> str:
    """Return `text` with the last line ``__END__``, where the program stops reading; such lines in it are indented."""
    return re.sub(r"^(?=__END__\r?$)", " ", text, flags=re.MULTILINE) + "\n__END__"


def greeting(text: str) -> str:
    """Return the prompt at the end of the program's first output. Raises `EngineFailed` for an unknown build."""
    for mark in MARKS:
        if text.endswith(mark):
            return mark
    raise unknown_build("asks for input", text[-40:], sorted(MARKS))


def unknown_build(moment: str, found: str, needed: Sequence[str]) -> EngineFailed:
    """Return the error for a build whose output is not as expected."""
    wanted = " or ".join(repr(mark.strip()) for mark in needed)
    return EngineFailed(
        f"The rkllm program wrote {found!r} where a known build {moment}; needed is {wanted}. "
        "Use llm_demo of Rockchip's runtime 1.1 to 1.3, or the native engine (engine: rkllm in model.yaml)."
    )


def ending_pattern(mark: str) -> re.Pattern[str]:
    """Return a pattern that finds the first place from where a text may be the beginning of the output's ending."""
    table_line = rf"{started('I rkllm: ')}|I rkllm: [^\n]{{0,200}}"
    return re.compile(rf"(?:{started(f'{ERROR}{chr(10)}{mark}')}|\n?(?:{LINE})*(?:{table_line}|\n?{started(mark)}))\Z")


def started(text: str) -> str:
    """Return a pattern for every beginning of `text`, down to nothing."""
    return "".join(f"(?:{re.escape(char)}" for char in text) + ")?" * len(text)


ENDINGS = {mark: ending_pattern(mark) for mark in MARKS}


class AnswerReader:
    """Extract the answer's text from the output of one exchange, given in the program's own writes."""

    def __init__(self, mark: str, limit: int) -> None:
        """Take the program's prompt `mark`, a key of `MARKS`; after `limit` tokens the text is cut."""
        self._mark, self._limit = mark, limit
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._buffer = ""
        self._opened = self._said = False
        self._writes = 0
        self._cut: int | None = None
        """Where in `_buffer` the text is cut, once enough was written."""
        self.tokens = 0
        """Of the text so far: an unbuffered program writes each by itself."""
        self.full = False
        """Whether the limit was met."""
        self.failed = False
        """After `end`: whether the runtime reported an error."""
        self.silent = False
        """After `end`: whether the run ended without text and without the line end that a run writes at its end."""
        self.rows: dict[str, Row] = {}
        """After `end`: the table's, where it was in the output."""

    @property
    def begun(self) -> bool:
        """Return whether the first token is there."""
        return self._writes > 0

    def feed(self, data: bytes) -> str:
        """Return what may be sent on now. Raises `EngineFailed` when this is no answer of a known build."""
        self._buffer += self._decoder.decode(data)
        if not self._opened and not self._open():
            return ""
        # An unbuffered program writes each token by itself.
        self._writes += 1
        if self._writes == self._limit:
            self._cut = len(self._buffer)
        return self._release()

    def _open(self) -> bool:
        """Remove the mark before the answer; return True when there is more than the mark."""
        opening = MARKS[self._mark]
        if not self._buffer.startswith(opening[: len(self._buffer)]):
            raise unknown_build("begins an answer", self._buffer[:40], [opening])
        self._opened = self._buffer.startswith(opening)
        if self._opened:
            self._buffer = self._buffer.removeprefix(opening)
        return self._opened and bool(self._buffer)

    def _release(self) -> str:
        # What may be the beginning of an ending waits; if other text follows, it was part of the answer.
        found = ENDINGS[self._mark].search(self._buffer)
        released = self._within(self._buffer[: found.start() if found else None])
        self._buffer = self._buffer[len(released) :]
        self._said |= bool(released)
        if not self._buffer:
            self.tokens = self._writes
        if self._cut is not None:
            self._cut -= len(released)
        return released

    def _within(self, text: str) -> str:
        """Return `text` up to the cut."""
        self.full = self._cut is not None and len(text) >= self._cut
        return text[: self._cut] if self.full else text

    def end(self, table: bool) -> str:
        """Return the rest of the text. `table`: the performance table may be in the output. Raises as `feed` does."""
        text = self._buffer + self._decoder.decode(b"", final=True)
        if not self._opened or not text.endswith(self._mark):
            raise unknown_build("asks for the next input", text[-40:], [self._mark])
        text = text.removesuffix(self._mark)
        self.silent = not (text or self._said)
        found = TABLE.search(text) if table else None
        if found:
            self.rows = dict(filter(None, map(row, found[0].splitlines())))
            return self._within(text[: found.start()].removesuffix("" if found["line_end"] else "\n"))
        self.failed = table and text.endswith(f"{ERROR}\n")
        return self._within(text.removesuffix(f"{ERROR}\n" if self.failed else "\n"))
