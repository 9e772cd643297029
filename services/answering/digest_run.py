"""Let a model read documents in parts: one ordinary run of its engine for the notes about each part.

Between two runs others get the slot. The time that the runs take is bounded; waiting for the slot and loading the model
do not count, since they say nothing of the documents.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence

from services.answering.digest import Reading
from services.answering.plan import plan
from services.answering.repair import merge_done
from services.answering.sources import RagState
from services.chat.rag.notes_prompt import notes_prompt
from services.chat.rag.parts import whole_lines
from services.core.errors import ContextOverflow
from services.core.events import Done, Event, Text, Usage, Waiting, closing
from services.core.message import message
from services.core.request import EngineRequest, GenerationRequest
from services.core.sampling import Sampling
from services.core.settings import Settings

ReadPart = Callable[[EngineRequest], Iterator[Event]]
"""Runs the request for the notes about a part."""

NOT_STARTED = ("queued", "loading")
"""The phases in which a run does not read yet."""


def part_request(request: EngineRequest, settings: Settings, part: str, tokens: int) -> EngineRequest:
    """Return the request for notes of at most `tokens` tokens about a part, for the answer to `request`.

    It has nothing of that but its model and its priority: not the time that the model stays loaded afterwards, and not
    the parameters of sampling, since the notes serve other questions too.
    """
    generation = GenerationRequest(
        messages=(message("user", notes_prompt(part)),),
        max_tokens=tokens,
        sampling=Sampling(temperature=0),
        thinking=False,
        low_priority=request.low_priority,
    )
    return plan(generation, request.model, settings, request.id)


class PartRun:
    """One run. Only the thread that serves the request may use it."""

    def __init__(self, most: float, clock: Callable[[], float]) -> None:
        """Take the seconds that the run may take."""
        self._most, self._clock = most, clock
        self._started = clock()
        self._text: list[str] = []
        self.done: Done | None = None
        """The end of the run; None if its time was over before."""

    @property
    def seconds(self) -> float:
        """Return the time since the model began to read."""
        return self._clock() - self._started

    @property
    def notes(self) -> str:
        """Return the notes; lines that are cut off are left out."""
        return whole_lines("".join(self._text), self.done is not None and self.done.finish_reason == "stop")

    def events(self, events: Iterator[Event], reading: Waiting) -> Generator[Waiting]:
        """Yield what the request waits for: `reading` once the model reads. Blocks and raises as `events` do.

        Closes `events` at the end, which cancels the run if its time is over.
        """
        begun = False
        with closing(events):
            for event in events:
                if isinstance(event, Waiting) and event.phase in NOT_STARTED:
                    self._started = self._clock()
                    yield event
                    continue
                self._take(event)
                if self.done is None and self.seconds > self._most:
                    return
                if not begun or isinstance(event, Waiting):
                    begun = True
                    yield reading

    def _take(self, event: Event) -> None:
        if isinstance(event, Text):
            self._text.append(event.text)
        elif isinstance(event, Done):
            self.done = event


def read_parts(
    reading: Reading,
    request: EngineRequest,
    settings: Settings,
    rag: RagState,
    run: ReadPart,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Waiting, None, Done | None]:
    """Read the parts without notes in `Settings.rag_digest_seconds`, and add the notes to the digests of `reading`.

    Returns the end of all runs together, None if none ended. Blocks and raises as `run` does, except for a part that is
    too long: then the reading ends, and the next question begins it with shorter parts. Counts the parts, also where a
    client leaves.
    """
    unread, missing = reading.unread, len(reading.missing)
    try:
        return (yield from _read_unread(unread, reading, request, settings, rag, run, clock))
    finally:
        rag.count_parts(reading, missing)


def _read_unread(
    unread: Sequence[tuple[int, int]],
    reading: Reading,
    request: EngineRequest,
    settings: Settings,
    rag: RagState,
    run: ReadPart,
    clock: Callable[[], float],
) -> Generator[Waiting, None, Done | None]:
    total: Done | None = None
    left = settings.rag_digest_seconds
    known = len(reading.order) - len(unread)
    for number, (source, part) in enumerate(unread):
        # A run that most likely ends too late takes time from others for nothing.
        if number and left < (settings.rag_digest_seconds - left) / number:
            break
        digest = reading.digests[source]
        # Another request for the same document may have read it meanwhile.
        if part in digest.notes:
            continue
        asked = part_request(request, settings, digest.parts[part].text, digest.note_tokens)
        following = PartRun(left, clock)
        try:
            yield from following.events(run(asked), Waiting("reading", known + number + 1, parts=len(reading.order)))
        except ContextOverflow as error:
            if error.counted:
                rag.learn(asked, Done("length", Usage(error.prompt_tokens)))
            rag.forget(reading)
            break
        left -= following.seconds
        if following.notes:
            digest.notes[part] = following.notes
        if following.done is None:
            break
        rag.learn(asked, following.done)
        total = merge_done(total, following.done)
    return total
