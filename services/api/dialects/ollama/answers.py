"""Events to Ollama's objects: one, or one a line. Pure conversions, but for `stream` and `collect`, which run them."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.api.dialects.common.answer import Answer, Call, Pieces, collected
from services.api.http import errors
from services.api.http.stream import encode_json, guarded
from services.core.events import Done, Event, Reasoning, Text, ToolCall, Usage, Waiting, closing
from services.core.trace import Trace

NDJSON = "application/x-ndjson"

HEARTBEAT = b" "
"""Sent while there is nothing to say: JSON may begin with spaces, so it is a part of the next line and no line itself.

An empty line is broken JSON to the `ollama` package, and Open WebUI makes an end (``stop``) of a piece without text.
"""

STOPS = {"tool_calls": "stop"}
"""Reasons for an end that Ollama knows by another name."""


@dataclass(frozen=True, slots=True)
class Head:
    """What every object of one response repeats, and where its times are."""

    model: str
    """As the client wrote it."""
    trace: Trace

    def body(self) -> dict[str, Any]:
        return {"model": self.model, "created_at": now()}


class Shape(Protocol):
    """How one endpoint spells a piece of an answer."""

    def body(self, text: str = "", thought: str = "", calls: Sequence[Call] = ()) -> dict[str, Any]: ...


class ChatShape:
    def body(self, text: str = "", thought: str = "", calls: Sequence[Call] = ()) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text, **extras(thought, calls)}}


class GenerateShape:
    def body(self, text: str = "", thought: str = "", calls: Sequence[Call] = ()) -> dict[str, Any]:
        return {"response": text, **extras(thought, calls)}


def extras(thought: str, calls: Sequence[Call]) -> dict[str, Any]:
    """What is left out where there is none of it."""
    found: dict[str, Any] = {"thinking": thought} if thought else {}
    whole = [body for index, call in enumerate(calls) if (body := call_body(index, call))]
    return found | ({"tool_calls": whole} if whole else {})


def call_body(index: int, call: Call) -> dict[str, Any] | None:
    """A call with its arguments as an object; None for one that the answer's end cut off."""
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return None
    if not isinstance(arguments, dict):
        return None
    return {"id": call.id, "function": {"index": index, "name": call.name, "arguments": arguments}}


def logprobs(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    found = [{**bare(entry), "top_logprobs": [bare(top) for top in entry["top_logprobs"]]} for entry in entries]
    return {"logprobs": found} if found else {}


def bare(entry: dict[str, Any]) -> dict[str, Any]:
    return {"token": entry["token"], "logprob": entry["logprob"], "bytes": entry["bytes"]}


def ending(head: Head, reason: str, usage: Usage, timings: dict[str, float]) -> dict[str, Any]:
    """The fields of the last object: the engine's own times where it tells them, else ours."""
    spent = head.trace.seconds
    return {
        "done": True,
        "done_reason": STOPS.get(reason, reason),
        "total_duration": total(head.trace),
        "load_duration": nanoseconds(spent.get("load", 0)),
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": nanoseconds(timings.get("prefill", spent.get("prefill", 0))),
        "eval_count": usage.completion_tokens,
        "eval_duration": nanoseconds(timings.get("decode", spent.get("decode", 0))),
    }


def collect(head: Head, shape: Shape, events: Iterator[Event]) -> dict[str, Any]:
    """The whole response object. Blocks until the answer is complete; raises what the events raise."""
    answer: Answer = collected(events)
    body = shape.body(answer.text, answer.thought, answer.calls)
    end = ending(head, answer.finish_reason, answer.usage, answer.timings)
    return {**head.body(), **body, **logprobs(answer.logprobs), **end}


def stream(head: Head, shape: Shape, events: Iterator[Event]) -> Generator[bytes]:
    """One object a line, the last with ``done``; an error ends the stream without one."""
    return guarded(_lines(head, shape, events), lambda error: line(errors.ollama_body(error)))


def _lines(head: Head, shape: Shape, events: Iterator[Event]) -> Generator[bytes]:
    calls = Pieces()
    with closing(events):
        for event in events:
            if isinstance(event, Waiting | ToolCall):
                calls.add(event)
                yield HEARTBEAT
            yield from map(line, _objects(head, shape, event, calls))


def _objects(head: Head, shape: Shape, event: Event, calls: Pieces) -> Iterator[dict[str, Any]]:
    """What one event becomes. Calls are sent whole, at the end: Ollama's clients know no pieces of them."""
    going = {"done": False}
    match event:
        case Text():
            yield {**head.body(), **shape.body(event.text), **logprobs(event.logprobs), **going}
        case Reasoning():
            yield {**head.body(), **shape.body(thought=event.text), **going}
        case Done():
            calls.add(event)
            if made := calls.answer().calls:
                yield {**head.body(), **shape.body(calls=made), **going}
            yield {**head.body(), **shape.body(), **ending(head, event.finish_reason, event.usage, event.timings)}


def line(payload: Any) -> bytes:
    """JSON has no raw line ends, so one line always holds it."""
    return encode_json(payload) + b"\n"


def total(trace: Trace) -> int:
    """Nanoseconds since the request arrived."""
    return nanoseconds(time.monotonic() - trace.started)


def nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def now() -> str:
    return rfc3339(time.time())


def rfc3339(seconds: float) -> str:
    """A time in seconds since 1970, in UTC."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
