"""Check answers that no grammar enforces, and repeat the request once if one is wrong.

Text is held back until it is checked, and `Waiting` is sent instead. Reasoning and calls of tools pass at once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

from services.chat import schema
from services.chat.tokens import estimate_tokens
from services.core.errors import AnswerInvalid, ContextOverflow
from services.core.events import Done, Event, Notice, Refusal, Text, ToolCallDelta, Usage, Waiting, closing
from services.core.message import message
from services.core.request import EngineRequest

RunRequest = Callable[[EngineRequest], Iterator[Event]]
"""Runs a request and returns its events."""

NO_CALL_COMPLAINT = "You did not call a function. Answer with nothing but the call, in the form you were told."
"""The request to the model after it did not call a function."""

WRONG_JSON_COMPLAINT = "That was not what was asked for: {}. Answer again, with the corrected JSON alone."
"""The request to the model after wrong JSON; the placeholder is the reason."""


def needs_check(request: EngineRequest) -> bool:
    """Return whether the answer to `request` must be checked."""
    return request.answer_schema is not None or request.check_call


def checked_events(request: EngineRequest, run: RunRequest) -> Iterator[Event]:
    """Yield the events of the first of two attempts that is valid, else those of `failed_events`.

    Blocks as `run` does, and raises the same, and `AnswerInvalid`.
    """
    first = Attempt(request)
    yield from first.events(run(request))
    if first.settled:
        yield first.done
        return
    yield Notice("warning", f"retried: {request.checked_parameter}")
    yield Waiting("retry", reason=request.checked_parameter)
    second = Attempt(request)
    try:
        yield from second.events(run(correction_request(request, first)))
    except ContextOverflow:  # the first attempt and the correction do not fit the context together
        yield from failed_events(request, first, first.done)
        return
    done = merge_done(first.done, second.done)
    if second.settled:
        yield done
    else:
        yield from failed_events(request, first, done)


def merge_done(first: Done, second: Done) -> Done:
    """Return the end of two runs, with the tokens and seconds of both."""
    phases = first.timings.keys() | second.timings.keys()
    timings = {phase: first.timings.get(phase, 0.0) + second.timings.get(phase, 0.0) for phase in phases}
    return Done(second.finish_reason, first.usage + second.usage, timings)


class Attempt:
    """One run, and whether its answer is valid."""

    def __init__(self, request: EngineRequest) -> None:
        self._request = request
        self._buffer: list[Text] = []
        self._called = False
        self.done = Done("stop", Usage())
        self.complaint = ""
        """What is wrong with the answer, in the words for the model."""
        self.settled = False
        """Whether the answer was sent: it is valid, or it was cut off, which another attempt would not change."""

    @property
    def text(self) -> str:
        """Return the text that was held back."""
        return "".join(piece.text for piece in self._buffer)

    def events(self, events: Iterator[Event]) -> Generator[Event]:
        """Yield what may be sent already, without `Done`. Closes `events` at the end."""
        with closing(events):
            for event in events:
                yield from self._take(event)
        yield from self._check()

    def _take(self, event: Event) -> Iterator[Event]:
        if isinstance(event, Done):
            self.done = event
        elif isinstance(event, Text) and not self._called:
            self._buffer.append(event)
            yield Waiting("decode")
        # A call is valid by itself, so the text before it may be sent.
        elif isinstance(event, ToolCallDelta) and not self._called:
            self._called = True
            yield from self._buffer
            yield event
        else:
            yield event

    def _check(self) -> Iterator[Event]:
        self.settled = self._called or self.done.finish_reason == "length"
        if self._called:
            return
        if self.settled:
            yield from self._buffer
            return
        self.complaint = NO_CALL_COMPLAINT
        if self._request.answer_schema is not None and not self._request.check_call:
            yield from self._check_json(self._request.answer_schema)

    def _check_json(self, answer_schema: dict[str, Any]) -> Iterator[Event]:
        try:
            text = schema.matching_json(self.text, answer_schema)
        except schema.Unsatisfied as error:
            self.complaint = WRONG_JSON_COMPLAINT.format(error)
            return
        self.settled = True
        yield from self._buffer if text == self.text else [Text(text)]


def correction_request(request: EngineRequest, attempt: Attempt) -> EngineRequest:
    """Return `request` with two more messages: the wrong answer, and what is wrong with it."""
    more = (message("assistant", attempt.text), message("user", attempt.complaint))
    tokens = estimate_tokens(attempt.text) + estimate_tokens(attempt.complaint)
    return replace(
        request,
        messages=(*request.messages, *more),
        prompt_tokens_estimate=request.prompt_tokens_estimate + tokens,
    )


def failed_events(request: EngineRequest, attempt: Attempt, done: Done) -> Iterator[Event]:
    """Yield the end of a request whose attempts all failed. Raises `AnswerInvalid`.

    If a call is missing, the text is sent, so that the user sees what the model wrote. Wrong JSON is never sent as an
    answer. It becomes a refusal if the schema is strict, as OpenAI's clients expect, and an error otherwise.
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
