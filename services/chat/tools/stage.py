"""The stage that tells calls from text, for every engine and every model."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from services.chat.tools import families
from services.chat.tools.call import Call
from services.chat.tools.scan import Scanner
from services.core.events import Done, Event, Text, TokenLogprob, ToolCallDelta, Waiting, closing
from services.core.request import EngineRequest


def split(request: EngineRequest, events: Iterator[Event]) -> Iterator[Event]:
    """Turn the `Text` of `events` into `ToolCallDelta` where it is a call of a tool of `request`.

    While text is held back, `Waiting` goes out in its place. Owns `events`.
    """
    with closing(events):
        yield from Splitter(request).split(events)


class Splitter:
    """The state for one answer."""

    def __init__(self, request: EngineRequest) -> None:
        self._request = request
        tools = {tool.name: tool.parameters for tool in request.tools}
        self._scanner = Scanner(families.BY_NAME[request.tool_family], tools)
        self._made = 0
        self._logprobs: tuple[TokenLogprob, ...] = ()
        """Those of text that is held back: they go with the next text, and are dropped with a call."""

    def split(self, events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, Text):
                self._logprobs += event.logprobs
                yield from list(self._pieces(self._scanner.feed(event.text))) or [Waiting("decode")]
            elif isinstance(event, Done):
                yield from self._pieces(self._scanner.finish())
                yield self._ended(event)
            else:
                yield event

    def _pieces(self, found: list[str | Call]) -> Iterator[Event]:
        for item in found:
            if isinstance(item, str):
                yield Text(item, self._logprobs)
            elif not self._made or self._request.generation.parallel_calls:
                yield from self._call(item)
            self._logprobs = ()

    def _call(self, call: Call) -> Iterator[Event]:
        index, self._made = self._made, self._made + 1
        yield ToolCallDelta(index, id=call_id(), name=call.name)
        yield ToolCallDelta(index, call.arguments)

    def _ended(self, done: Done) -> Done:
        return Done("tool_calls", done.usage, done.timings) if self._made else done


def call_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"
