"""Answers that no grammar made sure of: held back until they are checked, and tried a second time where they fail.

Reasoning passes at once, and calls of tools do. `Waiting` goes out in place of what is held back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

from services.chat import schema
from services.chat.tokens import estimate
from services.core.errors import AnswerInvalid, ContextOverflow
from services.core.events import Done, Event, Refusal, Text, ToolCall, Usage, Waiting, closing
from services.core.request import EngineRequest

Run = Callable[[EngineRequest], Iterator[Event]]

NO_CALL = "You did not call a function. Answer with nothing but the call, in the form you were told."

AGAIN = "That was not what was asked for: {}. Answer again, with the corrected JSON alone."


def needed(request: EngineRequest) -> bool:
    """Whether what `request` demands must be checked."""
    return request.answer_schema is not None or request.check_call


def checked(request: EngineRequest, run: Run) -> Iterator[Event]:
    """The answer to `request`, as it should be where one of two attempts is; else as `failed` says."""
    first = Attempt(request)
    yield from first.events(run(request))
    if first.over:
        yield first.done
        return
    yield Waiting("retry", reason=request.demanded)
    second = Attempt(request)
    try:
        yield from second.events(run(corrected(request, first)))
    except ContextOverflow:  # the first attempt and the correction are too much for it
        yield from failed(request, first, first.done)
        return
    done = together(first.done, second.done)
    if second.over:
        yield done
    else:
        yield from failed(request, first, done)


def together(first: Done, second: Done) -> Done:
    """The end of two runs: what both took."""
    phases = first.timings.keys() | second.timings.keys()
    timings = {phase: first.timings.get(phase, 0.0) + second.timings.get(phase, 0.0) for phase in phases}
    return Done(second.finish_reason, first.usage + second.usage, timings)


class Attempt:
    """One run."""

    def __init__(self, request: EngineRequest) -> None:
        self._job = request
        self._held: list[Text] = []
        self._called = False
        self.done = Done("stop", Usage())
        self.complaint = ""
        """What is wrong with the answer."""
        self.over = False
        """Whether the answer is as it should be, or was cut off, so that another would be too. It was sent then."""

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self._held)

    def events(self, events: Iterator[Event]) -> Generator[Event]:
        """What may go out, `Done` excepted. Owns `events`."""
        with closing(events):
            for event in events:
                yield from self._take(event)
        yield from self._judged()

    def _take(self, event: Event) -> Iterator[Event]:
        if isinstance(event, Done):
            self.done = event
        elif isinstance(event, Text) and not self._called:
            self._held.append(event)
            yield Waiting("decode")
        elif isinstance(event, ToolCall) and not self._called:
            self._called = True
            yield from self._held
            yield event
        else:
            yield event

    def _judged(self) -> Iterator[Event]:
        self.over = self._called or self.done.finish_reason == "length"
        if self._called:
            return
        if self.over:
            yield from self._held
            return
        self.complaint = NO_CALL
        if self._job.answer_schema is not None and not self._job.check_call:
            yield from self._json(self._job.answer_schema)

    def _json(self, wanted: dict[str, Any]) -> Iterator[Event]:
        try:
            text = schema.found(self.text, wanted)
        except schema.Unsatisfied as error:
            self.complaint = AGAIN.format(error)
            return
        self.over = True
        yield from self._held if text == self.text else [Text(text)]


def corrected(request: EngineRequest, attempt: Attempt) -> EngineRequest:
    """`request` once more, with what came of it and what was wrong with that."""
    turns = ({"role": "assistant", "content": attempt.text}, {"role": "user", "content": attempt.complaint})
    more = estimate(attempt.text) + estimate(attempt.complaint)
    return replace(
        request, messages=(*request.messages, *turns), prompt_tokens_estimate=request.prompt_tokens_estimate + more
    )


def failed(request: EngineRequest, attempt: Attempt, done: Done) -> Iterator[Event]:
    """What becomes of a `request` whose attempts all failed.

    A missing call leaves the text, which says that there is none. JSON that is wrong is never sent as an answer: it is
    a refusal where the client asked for a strict schema, as OpenAI's clients know it, and else an error.
    """
    if request.check_call:
        yield Text(attempt.text)
        yield done
    elif request.schema_strict:
        yield Refusal("The model wrote no JSON that satisfies the schema, in two attempts.")
        yield done
    else:
        raise AnswerInvalid(
            f"The model {request.model.id!r} wrote no JSON of the form that was asked for, in two attempts. Ask for a "
            "simpler schema, or choose a larger model."
        )
