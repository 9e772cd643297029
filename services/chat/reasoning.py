"""Separates a model's reasoning from its answer while both stream.

Where reasoning begins:

- Only the very start of the answer is looked at: optional whitespace, then ``<think>`` or ``<thinking>``. Engines emit
  the opening tag themselves where the chat template already opened it, so nothing else marks reasoning. Whatever looks
  like a tag later on is text, so tags in code or prose of the answer stay untouched.
- Tags are case-insensitive and may hold blanks, as in ``<think >``.
- A closing tag that nothing opened is text.

Where it ends:

- At the closing tag of the same name; tags of the other name are plain reasoning.
- An opening tag of that name directly at the start of a line deepens, each closing tag reduces; the reasoning ends at
  depth 0. Inner tags stay part of the reasoning.
- A tag directly preceded by a backtick is quoted and counts as plain reasoning.
- Unclosed reasoning is reasoning to its end, and the answer is empty.

Whitespace:

- It is trimmed after the opening tag, before the final closing tag and between that and the answer. Whitespace-only
  reasoning (Qwen's empty ``<think>\\n\\n</think>``) yields no `Reasoning` at all.
- Whitespace at the start of an answer without reasoning is text.

Streaming:

- Only what may still become a tag, or whitespace that may still be trimmed, is held back. All else leaves at once.
- The result does not depend on how the answer was chunked.

Logprobs: those of held-back pieces go with the next `Text`. Those of pieces that are wholly tag, reasoning or trimmed
whitespace are dropped. A piece that is part reasoning and part answer keeps all of its own, as entries cannot be told
apart inside a piece.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from enum import Enum, auto

from services.core.events import Done, Event, Reasoning, Text, TokenLogprob, closing

_OPENINGS = ("<think", "<thinking")
# ASCII, as ignoring case would otherwise let look-alikes such as the Kelvin sign pass for a letter.
_TAG = re.compile(r"<[ \t]*(/?)[ \t]*([a-z]+)[ \t]*>", re.IGNORECASE | re.ASCII)
_TAG_HEAD = re.compile(r"<[ \t]*(/?)[ \t]*([a-z]*)([ \t]*)", re.IGNORECASE | re.ASCII)


def _bare(match: re.Match[str]) -> str:
    """A tag without blanks and ``>``, in lower case: ``</think``."""
    return f"<{match[1]}{match[2].lower()}"


def _tag_at(text: str, start: int, tags: Collection[str]) -> re.Match[str] | None:
    """The tag at `start` of `text`, if it is one of the bare `tags`."""
    match = _TAG.match(text, start)
    return match if match and _bare(match) in tags else None


def _may_become_tag(text: str, start: int, tags: Collection[str]) -> bool:
    """Whether more characters can turn the rest of `text` from `start` on into one of the bare `tags`."""
    match = _TAG_HEAD.fullmatch(text, start)
    if not match:
        return False
    bare = _bare(match)
    # A blank after the name ends it: from there only the whole name can still become a tag.
    return bare in tags if match[3] else any(tag.startswith(bare) for tag in tags)


class _State(Enum):
    START = auto()
    """Nothing but whitespace and perhaps the beginning of an opening tag so far."""
    OPENED = auto()
    """Past the opening tag; whitespace is dropped."""
    THINKING = auto()
    CLOSED = auto()
    """Past the closing tag; whitespace is dropped."""
    ANSWER = auto()


class _Splitter:
    """The state machine for one answer."""

    def __init__(self) -> None:
        self._state = _State.START
        self._name = ""
        self._depth = 0
        self._previous = ""
        """The last character of the reasoning before the place that is being looked at."""
        self._space = ""
        """Whitespace in the reasoning that is dropped if the closing tag follows."""
        self._unfinished = ""
        """What may still become a tag; at the start with the whitespace before it."""
        self._thought: list[str] = []
        self._text = ""
        self._logprobs: tuple[TokenLogprob, ...] = ()

    @property
    def over(self) -> bool:
        """Tell whether all that follows is text of the answer, and nothing is held back."""
        return self._state is _State.ANSWER and not self._logprobs

    def feed(self, piece: Text) -> list[Event]:
        rest = self._unfinished + piece.text
        self._unfinished = ""
        while rest:
            rest = self._consume(rest)
        self._logprobs += piece.logprobs
        return self._take()

    def finish(self) -> list[Event]:
        """What was held back, at the end of the answer: no tag can follow any more."""
        rest = self._space + self._unfinished
        self._space = self._unfinished = ""
        if self._state is _State.START:
            self._text = rest
        elif rest:
            self._thought.append(rest)
        return self._take()

    def _take(self) -> list[Event]:
        thought, text, logprobs = "".join(self._thought), self._text, self._logprobs
        self._thought, self._text = [], ""
        if text or self._state not in (_State.START, _State.ANSWER):
            self._logprobs = ()
        thoughts: list[Event] = [Reasoning(thought)] if thought else []
        return [*thoughts, Text(text, logprobs)] if text else thoughts

    def _consume(self, rest: str) -> str:
        """Take what the state has a use for; what is returned belongs to the next state."""
        match self._state:
            case _State.START:
                return self._start(rest)
            case _State.OPENED:
                return self._skip_space(rest, _State.THINKING)
            case _State.THINKING:
                return self._think(rest)
            case _State.CLOSED:
                return self._skip_space(rest, _State.ANSWER)
            case _:
                self._text += rest
                return ""

    def _start(self, rest: str) -> str:
        begin = len(rest) - len(rest.lstrip())
        if begin == len(rest) or _may_become_tag(rest, begin, _OPENINGS):
            self._unfinished = rest
            return ""
        tag = _tag_at(rest, begin, _OPENINGS)
        if not tag:
            self._state = _State.ANSWER
            return rest
        self._state, self._name, self._depth = _State.OPENED, tag[2].lower(), 1
        self._logprobs = ()
        return rest[tag.end() :]

    def _skip_space(self, rest: str, following: _State) -> str:
        kept = rest.lstrip()
        self._previous = rest[: len(rest) - len(kept)][-1:] or self._previous
        if kept:
            self._state = following
        return kept

    def _think(self, rest: str) -> str:
        position = 0
        while (bracket := rest.find("<", position)) >= 0:
            self._ponder(rest[position:bracket])
            tags = self._inner_tags()
            if _may_become_tag(rest, bracket, tags):
                self._unfinished = rest[bracket:]
                return ""
            tag = _tag_at(rest, bracket, tags)
            if tag and self._closes(tag):
                self._state, self._space = _State.CLOSED, ""
                return rest[tag.end() :]
            position = tag.end() if tag else bracket + 1
            self._ponder(rest[bracket:position])
        self._ponder(rest[position:])
        return ""

    def _inner_tags(self) -> tuple[str, ...]:
        """The bare tags that count after the character before them."""
        if self._previous == "`":
            return ()
        closing, opening = f"</{self._name}", f"<{self._name}"
        return (closing, opening) if self._previous == "\n" else (closing,)

    def _closes(self, tag: re.Match[str]) -> bool:
        """Count `tag`; whether it ends the reasoning."""
        self._depth += -1 if tag[1] else 1
        return not self._depth

    def _ponder(self, text: str) -> None:
        """Add `text` to the reasoning, but hold back the whitespace at its end."""
        body = text.rstrip()
        if body:
            self._thought.append(self._space + body)
            self._space = ""
        self._space += text[len(body) :]
        self._previous = text[-1:] or self._previous


def split(events: Iterator[Event]) -> Iterator[Event]:
    """Turn the `Text` of `events` into `Reasoning` and `Text` by the module's rules; all else passes unchanged.

    Closes `events` when it ends, fails or is closed.
    """
    splitter = _Splitter()
    with closing(events):
        for event in events:
            if isinstance(event, Text) and not (splitter.over and event.text):
                yield from splitter.feed(event)
                continue
            if isinstance(event, Done):
                yield from splitter.finish()
            yield event
        # Also where the source just ends: nothing held back may get lost. After `Done` nothing is left.
        yield from splitter.finish()
