"""Check finished answers against what was promised, and repeat a request whose answer is wrong.

Where a grammar enforces all of the promise, the answer is sent as it comes, and only its end waits for the check.
Elsewhere its text and its calls are held back, and `Waiting` is sent instead; reasoning passes at once. Where only the
arguments of strict tools were promised, text passes too, and an answer is held back from its first call of one on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from msgspec import structs

from services.answering.promise import Answer
from services.chat.tokens import estimate_tokens
from services.core.errors import AnswerInvalid, ContextOverflow
from services.core.events import Done, Event, Notice, Refusal, Text, ToolCallDelta, Usage, Waiting, closing
from services.core.message import message
from services.core.request import EngineRequest

RunRequest = Callable[[EngineRequest], Iterator[Event]]
"""Runs a request and returns its events."""

ATTEMPTS = 3
"""Largest number of runs for one answer. What a model gets wrong three times, it does not understand."""

CALL_COMPLAINT = "That was not what was asked for: {}. Answer with nothing but the call, in the form you were told."
"""The request to the model after a missing or wrong call; the placeholder is the reason."""

JSON_COMPLAINT = "That was not what was asked for: {}. Answer again, with the corrected JSON alone."
"""The request to the model after wrong JSON; the placeholder is the reason."""


def checked_events(request: EngineRequest, run: RunRequest) -> Iterator[Event]:
    """Return the events of an answer to `request` that is checked.

    They block as `run` does, and raise the same, and `AnswerInvalid`.
    """
    enforced = request.grammar and not request.hold_back
    return watched_events(request, run) if enforced else repaired_events(request, run)


def watched_events(request: EngineRequest, run: RunRequest) -> Generator[Event]:
    """Yield the events of an answer that a grammar enforces. Raises `AnswerInvalid` at its end if it is wrong."""
    answer, done = Answer(request), Done("stop", Usage())
    with closing(run(request)) as events:
        for event in events:
            answer.take(event)
            if isinstance(event, Done):
                done = event
            else:
                yield event
    # The run has ended, so no other request waits for this.
    if complaint := violation(answer, done):
        check_stop(done, complaint)
        raise AnswerInvalid(
            f"The answer of the model {request.model.id!r} is not what was asked for, although a grammar enforced it: "
            f"{complaint}. Ask again; if this repeats, ask for a simpler schema."
        )
    yield done


def violation(answer: Answer, done: Done) -> str:
    """Return what is wrong with an answer that was sent as it came; empty if it is right or was cut off."""
    if done.finish_reason == "length":
        return ""
    found = answer.judged()
    if found.json is None or answer.called or found.json == answer.text.strip():
        return found.complaint
    return "there is text around the JSON"


def check_stop(done: Done, complaint: str) -> None:
    """Raise `AnswerInvalid` for a wrong answer that a stop string ended."""
    if done.stop:
        raise AnswerInvalid(
            f"The stop string {done.stop!r} of the request ended the answer, which is not what was asked for: "
            f"{complaint}. Leave `stop` out.",
            param="stop",
        )


def repaired_events(request: EngineRequest, run: RunRequest) -> Generator[Event]:
    """Yield the events of the first of `ATTEMPTS` runs whose answer is right, else those of `failed_events`."""
    done: Done | None = None
    attempt = Attempt(request)
    for number in range(ATTEMPTS):
        if number:
            yield from retry_events(request, number)
        next_request = correction_request(request, attempt, number) if number else request
        following = Attempt(request)
        try:
            yield from following.events(run(next_request))
        except ContextOverflow:
            if done is None:
                raise
            break  # the wrong answer and the correction do not fit the context together
        attempt = following
        done = merge_done(done, attempt.done)
        if attempt.settled:
            yield done
            return
        if attempt.sent:
            break
    assert done is not None
    yield from failed_events(request, attempt, done)


def retry_events(request: EngineRequest, number: int) -> Iterator[Event]:
    """Yield what tells the client that the request is repeated, for the time with this `number`."""
    if number == 1:
        yield Notice("warning", f"retried: {request.checked_parameter}")
    yield Waiting("retry", reason=request.checked_parameter)


def merge_done(first: Done | None, second: Done) -> Done:
    """Return the end of several runs, with the tokens and seconds of all."""
    if first is None:
        return second
    phases = first.timings.keys() | second.timings.keys()
    timings = {phase: first.timings.get(phase, 0.0) + second.timings.get(phase, 0.0) for phase in phases}
    return structs.replace(second, usage=first.usage + second.usage, timings=timings)


class Attempt:
    """One run whose answer is held back, and whether that is right."""

    def __init__(self, request: EngineRequest) -> None:
        self._request = request
        self._buffer: list[Text | ToolCallDelta] = []
        self._answer = Answer(request)
        self._strict = {tool.name for tool in request.tools if tool.strict}
        self._holding = request.hold_back
        self._decided = request.check_call
        """Whether the rest is held back for certain."""
        self.sent = False
        """Whether some of the answer was sent, so that another attempt cannot replace it."""
        self.done = Done("stop", Usage())
        self.wrong = ""
        """What is wrong with the answer."""
        self.settled = False
        """Whether the answer was sent: it is right, or it was cut off, which another attempt would not change."""

    @property
    def text(self) -> str:
        """Return what the model wrote."""
        calls = (f'{{"name": "{name}", "arguments": {arguments}}}' for name, arguments in self._answer.calls())
        return "\n".join(filter(None, [self._answer.text, *calls]))

    @property
    def complaint(self) -> str:
        """Return what is wrong with the answer, in the words for the model."""
        return (CALL_COMPLAINT if self.called else JSON_COMPLAINT).format(self.wrong)

    @property
    def called(self) -> bool:
        """Return whether a call was demanded, or made."""
        return self._request.check_call or self._answer.called

    def events(self, events: Iterator[Event]) -> Generator[Event]:
        """Yield what may be sent already, without `Done`. Closes `events` at the end."""
        with closing(events):
            for event in events:
                yield from self._take(event)
        yield from self._check()

    def _take(self, event: Event) -> Iterator[Event]:
        self._answer.take(event)
        if isinstance(event, Done):
            self.done = event
        elif isinstance(event, Text | ToolCallDelta):
            yield from self._take_piece(event)
        else:
            yield event

    def _take_piece(self, piece: Text | ToolCallDelta) -> Iterator[Event]:
        # A call that nobody demanded is as good as the JSON, and nothing was promised of it if its tool is not strict.
        if isinstance(piece, ToolCallDelta) and piece.name and not self._decided:
            self._decided = self._holding = piece.name in self._strict
        self._buffer.append(piece)
        if self._holding:
            yield Waiting("decode")
        else:
            yield from self._flush()

    def _flush(self) -> Iterator[Event]:
        # Blanks before a call are no answer yet.
        self.sent |= any(isinstance(piece, ToolCallDelta) or piece.text.strip() != "" for piece in self._buffer)
        yield from self._buffer
        self._buffer = []

    def _check(self) -> Iterator[Event]:
        if not self._holding or self.done.finish_reason == "length":
            self.settled = True
            yield from self._flush()
            return
        found = self._answer.judged()
        self.settled = found.json is not None
        if found.json is None:
            self.wrong = found.complaint
        else:
            yield from self._buffer if found.json in ("", self._answer.text) else [Text(found.json)]


def correction_request(request: EngineRequest, attempt: Attempt, number: int) -> EngineRequest:
    """Return `request` for another attempt: with another seed, the wrong answer, and what is wrong with it."""
    seed = request.sampling.seed
    request = replace(request, sampling=structs.replace(request.sampling, seed=None if seed is None else seed + number))
    if request.kind != "chat":
        return request
    more = (message("assistant", attempt.text), message("user", attempt.complaint))
    tokens = estimate_tokens(attempt.text) + estimate_tokens(attempt.complaint)
    return replace(
        request,
        messages=(*request.messages, *more),
        prompt_tokens_estimate=request.prompt_tokens_estimate + tokens,
    )


def failed_events(request: EngineRequest, last: Attempt, done: Done) -> Iterator[Event]:
    """Yield the end of a request whose attempts failed, of which `last` is the last. Raises `AnswerInvalid`.

    A wrong answer is never sent. It becomes a refusal if the schema is strict, as OpenAI's clients expect, and an error
    otherwise.
    """
    check_stop(last.done, last.wrong)
    if last.called or not request.generation.schema_strict:
        wanted = "call of the form" if last.called else "JSON of the form"
        attempts = "and its text was sent already" if last.sent else f"in {ATTEMPTS} attempts"
        raise AnswerInvalid(
            f"The model {request.model.id!r} wrote no {wanted} that was asked for, {attempts}. Ask for a simpler "
            "schema, or choose a larger model."
        )
    yield Refusal(f"The model wrote no JSON that satisfies the schema, in {ATTEMPTS} attempts.")
    yield done
