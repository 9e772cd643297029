"""Convert an answer and its pieces to Ollama's objects. Pure, except for the time of day in each object."""

from __future__ import annotations

import datetime
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from services.api.dialects.common.answer import CollectedAnswer
from services.api.dialects.ollama.schemas import (
    DoneReason,
    OllamaAnswer,
    OllamaCalledFunction,
    OllamaChatAnswer,
    OllamaGenerateAnswer,
    OllamaMessage,
    OllamaToolCall,
)
from services.core.events import FinishReason, TokenLogprob, Usage
from services.core.message import ToolCall
from services.core.trace import Trace

A = TypeVar("A", bound=OllamaAnswer)

decode_arguments = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What every object of one response repeats, and the trace with its times."""

    model: str
    """The name of the model as the client wrote it."""
    trace: Trace


class OllamaShape(ABC):
    """How one endpoint writes the objects of its answers, whole and in lines."""

    @abstractmethod
    def part(
        self,
        head: AnswerHead,
        text: str = "",
        reasoning: str = "",
        calls: Sequence[OllamaToolCall] = (),
        logprobs: Sequence[TokenLogprob] = (),
    ) -> OllamaAnswer:
        """Return an object with a part of an answer, or with all of it; `ended` makes it the last one."""


class OllamaChatShape(OllamaShape):
    """Answers of a chat."""

    def part(
        self,
        head: AnswerHead,
        text: str = "",
        reasoning: str = "",
        calls: Sequence[OllamaToolCall] = (),
        logprobs: Sequence[TokenLogprob] = (),
    ) -> OllamaChatAnswer:
        """Return an object with the text in its message."""
        return OllamaChatAnswer(
            model=head.model,
            created_at=now(),
            message=OllamaMessage(
                role="assistant", content=text, thinking=reasoning or UNSET, tool_calls=list(calls) or UNSET
            ),
            logprobs=list(logprobs) or UNSET,
            done=False,
        )


class OllamaGenerateShape(OllamaShape):
    """Answers to a prompt."""

    def part(
        self,
        head: AnswerHead,
        text: str = "",
        reasoning: str = "",
        calls: Sequence[OllamaToolCall] = (),
        logprobs: Sequence[TokenLogprob] = (),
    ) -> OllamaGenerateAnswer:
        """Return an object with the text as its response."""
        return OllamaGenerateAnswer(
            model=head.model,
            created_at=now(),
            response=text,
            thinking=reasoning or UNSET,
            tool_calls=list(calls) or UNSET,
            logprobs=list(logprobs) or UNSET,
            done=False,
        )


def whole(head: AnswerHead, shape: OllamaShape, answer: CollectedAnswer) -> OllamaAnswer:
    """Return the whole response."""
    only = shape.part(head, answer.text, answer.reasoning, whole_calls(answer.calls), answer.logprobs)
    return ended(only, head, answer.finish_reason, answer.usage, answer.timings)


def whole_calls(calls: Iterable[ToolCall]) -> list[OllamaToolCall]:
    """Return the calls with their arguments as objects, without a call that the end of the answer cut off."""
    found = []
    for index, call in enumerate(calls):
        arguments = arguments_of(call)
        # Ollama sends arguments as an object, so a call that was cut off in them cannot be sent.
        if arguments is not None:
            found.append(
                OllamaToolCall(
                    id=call.id, function=OllamaCalledFunction(index=index, name=call.name, arguments=arguments)
                )
            )
    return found


def arguments_of(call: ToolCall) -> dict[str, Any] | None:
    """Return the arguments of a call; None where their text is no JSON object."""
    try:
        return decode_arguments(call.arguments or "{}")
    except (msgspec.MsgspecError, RecursionError):
        return None


def ended(last: A, head: AnswerHead, reason: FinishReason, usage: Usage, timings: dict[str, float]) -> A:
    """Add to `last` the fields of the last object of an answer, and return it. Times are in nanoseconds.

    The times of prefill and decode are the engine's own where it measures them, else the server's.
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
    """Make `last` the only object of a response to a request without a question, and return it."""
    last.done, last.done_reason = True, reason
    return last


def done_reason(reason: FinishReason) -> DoneReason:
    """Return Ollama's word for why an answer ended; it has none for calls."""
    return "stop" if reason == "tool_calls" else reason


def total(trace: Trace) -> int:
    """Return the nanoseconds since the request arrived."""
    return nanoseconds(time.monotonic() - trace.started)


def nanoseconds(seconds: float) -> int:
    """Return `seconds` in nanoseconds."""
    return round(seconds * 1e9)


def now() -> str:
    """Return the time of day in the format of RFC 3339, in UTC."""
    return rfc3339(time.time())


def rfc3339(seconds: float) -> str:
    """Return a time, in seconds since 1970, in the format of RFC 3339, in UTC."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    # Ollama writes Z for UTC; Python writes an offset.
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
