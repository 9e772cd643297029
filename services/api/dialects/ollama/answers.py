"""Convert the parts of an answer to Ollama's objects. Pure, but for the time of day that each object has."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import UNSET

from services.api.dialects.ollama.schemas import (
    AnswerMessage,
    AnswerObject,
    Call,
    CalledFunction,
    ChatAnswer,
    DoneReason,
    GenerateAnswer,
)
from services.core.events import FinishReason, TokenLogprob, Usage
from services.core.message import ToolCall
from services.core.trace import Trace

A = TypeVar("A", bound=AnswerObject)

decode_arguments = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What every object of one response repeats, and where its times are."""

    model: str
    """As the client wrote it."""
    trace: Trace


class Shape(Protocol):
    """How one endpoint spells the objects of an answer."""

    def part(
        self,
        head: AnswerHead,
        text: str = "",
        reasoning: str = "",
        calls: Sequence[Call] = (),
        logprobs: Sequence[TokenLogprob] = (),
    ) -> AnswerObject:
        """Return an object with a part of an answer, or with all of it. It is not the last one yet; see `ended`."""


class ChatShape:
    """Answers of a chat."""

    def part(
        self,
        head: AnswerHead,
        text: str = "",
        reasoning: str = "",
        calls: Sequence[Call] = (),
        logprobs: Sequence[TokenLogprob] = (),
    ) -> ChatAnswer:
        """Return an object whose text is in its message."""
        return ChatAnswer(
            model=head.model,
            created_at=now(),
            message=AnswerMessage(
                role="assistant", content=text, thinking=reasoning or UNSET, tool_calls=list(calls) or UNSET
            ),
            logprobs=list(logprobs) or UNSET,
            done=False,
        )


class GenerateShape:
    """Answers to a prompt."""

    def part(
        self,
        head: AnswerHead,
        text: str = "",
        reasoning: str = "",
        calls: Sequence[Call] = (),
        logprobs: Sequence[TokenLogprob] = (),
    ) -> GenerateAnswer:
        """Return an object whose text is its response."""
        return GenerateAnswer(
            model=head.model,
            created_at=now(),
            response=text,
            thinking=reasoning or UNSET,
            tool_calls=list(calls) or UNSET,
            logprobs=list(logprobs) or UNSET,
            done=False,
        )


def whole_calls(calls: Iterable[ToolCall]) -> list[Call]:
    """Return the calls with their arguments as objects, without those that the end of the answer cut off."""
    found = []
    for index, call in enumerate(calls):
        arguments = arguments_of(call)
        if arguments is not None:
            found.append(Call(id=call.id, function=CalledFunction(index=index, name=call.name, arguments=arguments)))
    return found


def arguments_of(call: ToolCall) -> dict[str, Any] | None:
    """Return the arguments of a call; None where their text is no JSON object."""
    try:
        return decode_arguments(call.arguments or "{}")
    except (msgspec.MsgspecError, RecursionError):
        return None


def ended(last: A, head: AnswerHead, reason: FinishReason, usage: Usage, timings: dict[str, float]) -> A:
    """Add to `last` what the last object of an answer has, and return it.

    The times of the phases are the engine's own where it tells them, else ours.
    """
    spent = head.trace.seconds
    last.done, last.done_reason = True, done_reason(reason)
    last.total_duration = total(head.trace)
    last.load_duration = nanoseconds(spent.get("load", 0))
    last.prompt_eval_count = usage.prompt_tokens
    last.prompt_eval_duration = nanoseconds(timings.get("prefill", spent.get("prefill", 0)))
    last.eval_count = usage.completion_tokens
    last.eval_duration = nanoseconds(timings.get("decode", spent.get("decode", 0)))
    return last


def ended_without_text(last: A, reason: DoneReason) -> A:
    """Make `last` the one object of a response to a request that asked nothing, and return it."""
    last.done, last.done_reason = True, reason
    return last


def done_reason(reason: FinishReason) -> DoneReason:
    """Return Ollama's word for why an answer ended: it has none for calls."""
    return "stop" if reason == "tool_calls" else reason


def total(trace: Trace) -> int:
    """Return the nanoseconds since the request arrived."""
    return nanoseconds(time.monotonic() - trace.started)


def nanoseconds(seconds: float) -> int:
    """Return `seconds` in nanoseconds."""
    return round(seconds * 1e9)


def now() -> str:
    """Return the time of day as RFC 3339 has it."""
    return rfc3339(time.time())


def rfc3339(seconds: float) -> str:
    """Return a time in seconds since 1970 as RFC 3339 has it, in UTC."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
