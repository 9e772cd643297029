"""Check answers that no grammar makes sure of, and ask once more where one fails.

Text is held back until the answer is checked; `Waiting` goes out in its place. Reasoning and calls of tools pass at
once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

from services.chat import schema
from services.chat.tokens import estimate
from services.core.errors import AnswerInvalid, ContextOverflow
from services.core.events import Done, Event, Notice, Refusal, Text, ToolCallDelta, Usage, Waiting, closing
from services.core.message import message
from services.core.request import EngineRequest

Run = Callable[[EngineRequest], Iterator[Event]]

NO_CALL = "You did not call a function. Answer with nothing but the call, in the form you were told."

AGAIN = "That was not what was asked for: {}. Answer again, with the corrected JSON alone."


def needed(request: EngineRequest) -> bool:
    """Tell whether the answer to `request` must be checked."""
    return request.answer_schema is not None or request.check_call


def checked(request: EngineRequest, run: Run) -> Iterator[Event]:
    """Yield the first of two attempts that is as demanded; else what `failed` makes of them.

    Blocks as `run` does, and raises the same and `AnswerInvalid`.
    """
    first = Attempt(request)
    yield from first.events(run(request))
    if first.over:
        yield first.done
        return
    yield Notice("warning", f"retried: {request.demanded}")
    yield Waiting("retry", reason=request.demanded)
    second = Attempt(request)
    try:
        yield from second.events(run(corrected(request, first)))
    except ContextOverflow:  # the first attempt and the correction do not fit the context together
        yield from failed(request, first, first.done)
        return
    done = together(first.done, second.done)
    if second.over:
        yield done
    else:
        yield from failed(request, first, done)


def together(first: Done, second: Done) -> Done:
    """Return the end of two runs, with the tokens and seconds of both."""
    phases = first.timings.keys() | second.timings.keys()
    timings = {phase: first.timings.get(phase, 0.0) + second.timings.get(phase, 0.0) for phase in phases}
    return Done(second.finish_reason, first.usage + second.usage, timings)


class Attempt:
    """One run, and whether its answer is as demanded."""

    def __init__(self, request: EngineRequest) -> None:
        self._request = request
        self._held: list[Text] = []
        self._called = False
        self.done = Done("stop", Usage())
        self.complaint = ""
        """What is wrong with the answer, as the model is told."""
        self.over = False
        """Whether the answer is as demanded, or was cut off, so that another would be too. It was sent then."""

    @property
    def text(self) -> str:
        """Return the text that was held back."""
        return "".join(piece.text for piece in self._held)

    def events(self, events: Iterator[Event]) -> Generator[Event]:
        """Yield what may go out, without `Done`. Closes `events` at the end."""
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
        elif isinstance(event, ToolCallDelta) and not self._called:
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
        if self._request.answer_schema is not None and not self._request.check_call:
            yield from self._json(self._request.answer_schema)

    def _json(self, wanted: dict[str, Any]) -> Iterator[Event]:
        try:
            text = schema.found(self.text, wanted)
        except schema.Unsatisfied as error:
            self.complaint = AGAIN.format(error)
            return
        self.over = True
        yield from self._held if text == self.text else [Text(text)]


def corrected(request: EngineRequest, attempt: Attempt) -> EngineRequest:
    """Return `request` with the failed answer and what was wrong with it as two more messages."""
    more = (message("assistant", attempt.text), message("user", attempt.complaint))
    tokens = estimate(attempt.text) + estimate(attempt.complaint)
    return replace(
        request,
        messages=(*request.messages, *more),
        prompt_tokens_estimate=request.prompt_tokens_estimate + tokens,
    )


def failed(request: EngineRequest, attempt: Attempt, done: Done) -> Iterator[Event]:
    """Yield the end of a request whose attempts all failed. Raises `AnswerInvalid`.

    A missing call leaves the text, which says that there is none. JSON that is wrong is never sent as an answer: it is
    a refusal where the client asked for a strict schema, as OpenAI's clients know it, and else an error.
    """
    if request.check_call:
        yield Text(attempt.text)
        yield done
    elif request.generation.schema_strict:
        yield Refusal("The model wrote no JSON that satisfies the schema, in two attempts.")
        yield done
    else:
        raise AnswerInvalid(
            f"The model {request.model.id!r} wrote no JSON of the form that was asked for, in two attempts. Ask for a "
            "simpler schema, or choose a larger model."
        )
