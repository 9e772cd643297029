"""Define the protocol between the server and an engine worker: one JSON object per line, version 2.

A worker runs one thing at a time; run ids only grow.

Parent to worker::

    {"op": "load", "path": ..., "options": {...}}   once, first
    {"op": "run", "run": 1, "request": {...}}       only when the last run has ended; made by `request_message`
    {"op": "cancel", "run": 1}                      at any time; unknown or ended runs are ignored
    (end of file)                                   exit at once, even inside native code

Worker to parent::

    {"event": "ready", "protocol": 2, "info": {...}}                      the model is loaded; what is known of it
    {"event": "failed", "kind": "failed"|"unavailable", "message": ...}   it cannot be loaded (now); the worker exits
    {"event": "progress", "run": 1, "done": 128, "total": 900}            prefill, in tokens; else in inputs
    {"event": "text", "run": 1, "text": ..., "reasoning": false, "logprobs": [...]}
    {"event": "data", "run": 1, "data": ...}                              the result of a request that writes no answer
    {"event": "done", "run": 1, "finish_reason": "stop"|"length"|"cancel", "stop": the stop string that was found or "",
     "usage": {...}, "timings": {...}, "info": {...}}
    {"event": "error", "run": 1, "kind": "bad_request"|"context"|"fault"|"failed", "message": ..., "usage": {...},
     "limit": n, "info": {...}}

``done`` and ``error`` end a run; their ``info`` is what it showed of the engine's library. After an error of the kind
``failed`` the worker is replaced; after all others it goes on. Lines of an earlier run are skipped, so no token of one
answer reaches another. Anything else violates the protocol: the worker is killed and its request gets a 502. This
module is the parent's; `engines.worker.loop` writes and reads the lines in the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from services.core.errors import BadRequest, ContextOverflow, DeviceTaken, EngineFailed, ServiceError
from services.core.events import Data, Done, Event, Reasoning, Text, TokenLogprob, Usage
from services.core.message import Message, ToolCall
from services.core.request import EngineRequest
from services.core.sampling import for_engine


class RunFailed(EngineFailed):
    """A run failed in a way that nobody expected; its engine goes on."""


class Line(msgspec.Struct):
    """Decode any line of a worker; which fields count depends on `event`."""

    event: Literal["ready", "failed", "progress", "text", "data", "done", "error"]
    run: int = 0
    protocol: int = 0
    info: dict[str, str | int | float] = {}
    message: str = ""
    done: int = 0
    total: int = 0
    text: str = ""
    reasoning: bool = False
    logprobs: tuple[TokenLogprob, ...] = ()
    data: Any = None
    finish_reason: Literal["stop", "length", "cancel"] = "stop"
    stop: str = ""
    usage: Usage = Usage()  # frozen, so one serves all lines: making one costs 3 % of a token
    timings: dict[str, float] = {}
    kind: Literal["bad_request", "context", "fault", "failed", "unavailable"] = "failed"
    limit: int = 0


_decoder = msgspec.json.Decoder(Line)
_encoder = msgspec.json.Encoder()


def decode_line(data: bytes) -> Line:
    """Return a worker's line. Raises `EngineFailed` for bytes that are no message of the protocol."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EngineFailed(f"The engine wrote something that is no message of its protocol: {error}.") from error


def encode(message: Mapping[str, Any]) -> bytes:
    """Return a line for a worker, without its newline."""
    return _encoder.encode(message)


def request_message(request: EngineRequest) -> dict[str, Any]:
    """Return what a worker needs of a request: everything but the model, which it has loaded."""
    return {
        "kind": request.kind,
        "messages": [template_message(message) for message in request.messages],
        "prompt": request.prompt,
        "prompt_ids": request.generation.prompt_ids,
        "max_tokens": request.max_tokens,
        # Only what was set: for a missing one the worker has a default of its own.
        "sampling": for_engine(request.sampling),
        "stop": request.generation.stop,
        "logprobs": request.generation.logprobs,
        "grammar": request.grammar,
        "template_kwargs": request.template_kwargs,
        "inputs": request.inputs,
        "special_tokens": request.special_tokens,
    }


def template_message(message: Message) -> dict[str, Any]:
    """Return `message` as chat templates read it, which is as OpenAI writes it."""
    body: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.calls:
        body["tool_calls"] = [template_call(call) for call in message.calls]
    if message.name is not None:
        body["name"] = message.name
    if message.call_id is not None:
        body["tool_call_id"] = message.call_id
    return body


def template_call(call: ToolCall) -> dict[str, Any]:
    """Return a call of an earlier message as chat templates read it."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def violation(line: Line) -> EngineFailed:
    """Return the error for a line that may not come now."""
    return EngineFailed(
        f"The engine sent {line.event!r} (run {line.run}) where its protocol allows none; it was stopped."
    )


def load_error(line: Line) -> ServiceError:
    """Return the error of a ``failed`` line."""
    return DeviceTaken(line.message) if line.kind == "unavailable" else EngineFailed(line.message)


def event_of(line: Line) -> Event:
    """Return the event that a line of the current run means. Raises the error it carries."""
    if line.event == "text":
        return Reasoning(line.text) if line.reasoning else Text(line.text, line.logprobs)
    if line.event == "data":
        return Data(line.data)
    # Only a cancelled run ends with "cancel", and `WorkerEngine` reads its lines without making events of them.
    if line.event == "done" and line.finish_reason != "cancel":
        return Done(line.finish_reason, line.usage, line.timings, line.stop)
    if line.event == "error":
        raise _error(line)
    raise violation(line)


def _error(line: Line) -> ServiceError:
    if line.kind == "context":
        return ContextOverflow(line.usage.prompt_tokens, line.limit)
    if line.kind == "bad_request":
        return BadRequest(line.message)
    if line.kind == "fault":
        return RunFailed(line.message)
    return EngineFailed(line.message)
