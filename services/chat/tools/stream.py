"""Turn the calls in an answer's text into events, for every engine and every model."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

from services.chat.tools import families
from services.chat.tools.call import ParsedCall
from services.chat.tools.json_calls import FENCE
from services.chat.tools.scan import Scanner
from services.core.events import Done, Event, Text, TokenLogprob, ToolCallDelta, Waiting, closing
from services.core.request import EngineRequest

BEGINNING = 400
"""Characters that show whether a text begins a call: a fence, brackets, and the longest name of a tool."""

NAMED = re.compile(r'(?:```\w{0,16})?\[?\{"name":"([^"]*)')
"""The beginning of a call in JSON, without its blanks, up to the name or a part of that."""


def split_calls(request: EngineRequest, events: Iterator[Event]) -> Iterator[Event]:
    """Yield `events` with their `Text` turned into `ToolCallDelta` where it is a call of a tool of `request`.

    While text is held back, `Waiting` is sent instead. Closes `events` at the end.
    """
    with closing(events):
        yield from CallSplitter(request).split_calls(events)


class CallSplitter:
    """Separate the calls of one answer from its text."""

    def __init__(self, request: EngineRequest) -> None:
        self._request = request
        self._family = families.BY_NAME[request.tool_family]
        self._names = [tool.name for tool in request.tools]
        self._scanner = Scanner(self._family, {tool.name: tool.parameters for tool in request.tools})
        self._calls_made = 0
        self._logprobs: tuple[TokenLogprob, ...] = ()
        """Logprobs of text that is held back: they go with the next text, and are dropped with a call."""

    def split_calls(self, events: Iterator[Event]) -> Iterator[Event]:
        """Yield `events` with the calls turned into `ToolCallDelta`."""
        for event in events:
            if isinstance(event, Text):
                self._logprobs += event.logprobs
                # The client must see a sign of life while a long call is held back.
                yield from list(self._pieces(self._scanner.feed(event.text))) or [Waiting("decode")]
            elif isinstance(event, Done):
                yield from self._pieces(self._rest(event))
                yield self._ended(event)
            else:
                yield event

    def _rest(self, done: Done) -> list[str | ParsedCall]:
        """Return what was held back at the end of the answer, without a call that the limit of tokens cut off.

        Where a call is demanded, whatever is held back then is the beginning of one.
        """
        rest = self._scanner.finish()
        if done.finish_reason != "length":
            return rest
        demanded = self._request.generation.call_required
        return [item for item in rest if not (isinstance(item, str) and (demanded or self._begins_call(item)))]

    def _begins_call(self, text: str) -> bool:
        beginning = "".join(text[:BEGINNING].split())
        # A fence may hold anything, so what is in it decides.
        markers = tuple("".join(marker.split()) for marker in self._family.markers if marker != FENCE)
        if markers and beginning.startswith(markers):
            return True
        found = NAMED.match(beginning)
        return found is not None and any(name.startswith(found[1]) for name in self._names)

    def _pieces(self, items: list[str | ParsedCall]) -> Iterator[Event]:
        for item in items:
            if isinstance(item, str):
                yield Text(item, self._logprobs)
            elif not self._calls_made or self._request.generation.parallel_calls:
                yield from self._call(item)
            self._logprobs = ()

    def _call(self, call: ParsedCall) -> Iterator[Event]:
        index, self._calls_made = self._calls_made, self._calls_made + 1
        # Two deltas, as OpenAI streams them: the name, then the arguments.
        yield ToolCallDelta(index, id=new_call_id(), name=call.name)
        yield ToolCallDelta(index, call.arguments)

    def _ended(self, done: Done) -> Done:
        return Done("tool_calls", done.usage, done.timings) if self._calls_made else done


def new_call_id() -> str:
    """Return a new id for a call, in the format of OpenAI's."""
    return f"call_{uuid.uuid4().hex[:24]}"
