r"""Separate a model's reasoning from its answer while both stream.

Where reasoning begins:

- Only the very start of the answer is examined: optional whitespace, then ``<think>`` or ``<thinking>``. Engines emit
  the opening tag themselves if the chat template already opened it, so nothing else marks reasoning. Whatever looks
  like a tag later on is text, so tags in code or prose of the answer stay untouched.
- Tags are case-insensitive and may contain up to eight blanks at each place, as in ``<think >``.
- A closing tag without an opening tag is text.

Where it ends:

- At the closing tag of the same name; tags of the other name are plain reasoning.
- An opening tag of that name directly at the start of a line increases the depth, each closing tag decreases it; the
  reasoning ends at depth 0. Inner tags stay part of the reasoning.
- A tag directly preceded by a backtick is quoted and counts as plain reasoning.
- Unclosed reasoning is reasoning to its end, and the answer is empty.

Whitespace:

- It is trimmed after the opening tag, before the final closing tag and between that and the answer. Whitespace-only
  reasoning (Qwen's empty ``<think>\n\n</think>``) yields no `Reasoning` at all.
- Whitespace at the start of an answer without reasoning is text.

Streaming:

- Only what may still become a tag, or whitespace that may still be trimmed, is held back. All else leaves at once.
- The result does not depend on how the answer was chunked.

Logprobs: those of held-back pieces go with the next `Text`. Those of pieces that are wholly tag, reasoning or trimmed
whitespace are dropped. A piece that is part reasoning and part answer keeps all of its own, because nothing says which
entry belongs to which part.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from enum import Enum, auto

from services.core.events import Done, Event, Reasoning, Text, TokenLogprob, closing

_OPENINGS = ("<think", "<thinking")
# ASCII, as ignoring case would otherwise let look-alikes such as the Kelvin sign pass for a letter.
_TAG = re.compile(r"<[ \t]{0,8}(/?)[ \t]{0,8}([a-z]{1,16})[ \t]{0,8}>", re.IGNORECASE | re.ASCII)
_TAG_HEAD = re.compile(r"<[ \t]{0,8}(/?)[ \t]{0,8}([a-z]{0,16})([ \t]{0,8})", re.IGNORECASE | re.ASCII)
_CANDIDATE = re.compile(r"<[ \t]{0,8}/?[ \t]{0,8}(?:think|(?:t(?:h(?:in?)?)?)?\Z)", re.IGNORECASE | re.ASCII)
"""Where a tag may begin. All other brackets are passed over at once: a model may write many."""


def _bare(match: re.Match[str]) -> str:
    """Return a tag without blanks and ``>``, in lower case: ``</think``."""
    return f"<{match[1]}{match[2].lower()}"


def _tag_at(text: str, start: int, tags: Collection[str]) -> re.Match[str] | None:
    """Return the tag at `start` of `text` if it is one of the bare `tags`; None otherwise."""
    match = _TAG.match(text, start)
    return match if match and _bare(match) in tags else None


def _may_become_tag(text: str, start: int, tags: Collection[str]) -> bool:
    """Return whether more characters can turn `text` from `start` on into one of the bare `tags`."""
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
    """Separate one answer: a state machine that is fed with the pieces of its text."""

    def __init__(self) -> None:
        self._state = _State.START
        self._name = ""
        self._depth = 0
        self._previous = ""
        """The last character of the reasoning before the current position."""
        self._spaces: list[str] = []
        """Whitespace that is dropped if a tag follows: at the start, and at the end of the reasoning so far."""
        self._held_back = ""
        """What may still become a tag."""
        self._reasoning: list[str] = []
        self._text = ""
        self._logprobs: tuple[TokenLogprob, ...] = ()

    @property
    def only_text_follows(self) -> bool:
        """Return whether all further text belongs to the answer, and nothing is held back."""
        return self._state is _State.ANSWER and not self._logprobs

    def feed(self, piece: Text) -> list[Event]:
        rest = self._held_back + piece.text
        self._held_back = ""
        while rest:
            rest = self._consume(rest)
        self._logprobs += piece.logprobs
        return self._take()

    def finish(self) -> list[Event]:
        """Return what was held back, at the end of the answer: no tag can follow any more."""
        rest = self._with_spaces(self._held_back)
        self._held_back = ""
        if self._state is _State.START:
            self._text = rest
        elif rest:
            self._reasoning.append(rest)
        events = self._take()
        # Logprobs behind the last text are those of earlier text.
        late, self._logprobs = self._logprobs, ()
        return [*events, Text("", late)] if late else events

    def _take(self) -> list[Event]:
        reasoning, text, logprobs = "".join(self._reasoning), self._text, self._logprobs
        self._reasoning, self._text = [], ""
        # At the start nothing is decided yet, so the logprobs wait for the first text.
        if text or self._state not in (_State.START, _State.ANSWER):
            self._logprobs = ()
        events: list[Event] = [Reasoning(reasoning)] if reasoning else []
        return [*events, Text(text, logprobs)] if text else events

    def _consume(self, rest: str) -> str:
        """Process the part of `rest` that belongs to the current state, and return the part for the next state."""
        match self._state:
            case _State.START:
                return self._consume_start(rest)
            case _State.OPENED:
                return self._skip_space(rest, _State.THINKING)
            case _State.THINKING:
                return self._consume_reasoning(rest)
            case _State.CLOSED:
                return self._skip_space(rest, _State.ANSWER)
            case _:
                self._text += rest
                return ""

    def _consume_start(self, rest: str) -> str:
        body = rest.lstrip()
        self._spaces.append(rest[: len(rest) - len(body)])
        if not body or _may_become_tag(body, 0, _OPENINGS):
            self._held_back = body
            return ""
        tag = _tag_at(body, 0, _OPENINGS)
        if not tag:
            self._state = _State.ANSWER
            return self._with_spaces(body)
        # Logprobs of the tag itself belong to no text.
        self._state, self._name, self._depth = _State.OPENED, tag[2].lower(), 1
        self._logprobs, self._spaces = (), []
        return body[tag.end() :]

    def _with_spaces(self, text: str) -> str:
        """Return `text` behind the whitespace that was kept for it."""
        spaces, self._spaces = self._spaces, []
        return "".join([*spaces, text])

    def _skip_space(self, rest: str, following: _State) -> str:
        stripped = rest.lstrip()
        self._previous = rest[: len(rest) - len(stripped)][-1:] or self._previous
        if stripped:
            self._state = following
        return stripped

    def _consume_reasoning(self, rest: str) -> str:
        position = 0
        while candidate := _CANDIDATE.search(rest, position):
            bracket = candidate.start()
            self._add_reasoning(rest[position:bracket])
            tags = self._inner_tags()
            if _may_become_tag(rest, bracket, tags):
                self._held_back = rest[bracket:]
                return ""
            tag = _tag_at(rest, bracket, tags)
            if tag and self._closes(tag):
                self._state, self._spaces = _State.CLOSED, []
                return rest[tag.end() :]
            position = tag.end() if tag else bracket + 1
            self._add_reasoning(rest[bracket:position])
        self._add_reasoning(rest[position:])
        return ""

    def _inner_tags(self) -> tuple[str, ...]:
        """Return the bare tags that count at the current position."""
        # A model that writes about its own tags quotes them.
        if self._previous == "`":
            return ()
        closing, opening = f"</{self._name}", f"<{self._name}"
        return (closing, opening) if self._previous == "\n" else (closing,)

    def _closes(self, tag: re.Match[str]) -> bool:
        """Count `tag`, and return whether it ends the reasoning."""
        self._depth += -1 if tag[1] else 1
        return not self._depth

    def _add_reasoning(self, text: str) -> None:
        """Add `text` to the reasoning, but hold back the whitespace at its end."""
        body = text.rstrip()
        if body:
            self._reasoning.append(self._with_spaces(body))
        self._spaces.append(text[len(body) :])
        self._previous = text[-1:] or self._previous


def split(events: Iterator[Event]) -> Iterator[Event]:
    """Yield `events` with their `Text` separated into `Reasoning` and `Text`; all other events pass unchanged.

    Closes `events` when it ends, fails or is closed.
    """
    splitter = _Splitter()
    with closing(events):
        for event in events:
            if isinstance(event, Text) and not (splitter.only_text_follows and event.text):
                yield from splitter.feed(event)
                continue
            if isinstance(event, Done):
                yield from splitter.finish()
            yield event
        # If the source ends without `Done`, nothing held back may get lost. After `Done` nothing is left.
        yield from splitter.finish()
