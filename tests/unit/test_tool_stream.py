"""Turn calls in text into events while the answer streams."""

from __future__ import annotations

from typing import Any

import pytest

from services.chat.tools.stream import split_calls
from services.core.events import Done, Event, Reasoning, Text, TokenLogprob, ToolCallDelta, Usage, Waiting
from services.core.message import message
from services.core.request import EngineRequest, GenerationRequest, Tool
from tests.unit.test_plan import planned


def made(**changes: Any) -> EngineRequest:
    return planned(GenerationRequest((message("user", "x"),), tools=(Tool("add"), Tool("get_weather")), **changes))


END = Done("stop", Usage(1, 2))


def streamed(request: EngineRequest, *events: Event) -> list[Event]:
    return [event for event in split_calls(request, iter([*events, END])) if not isinstance(event, Waiting)]


TWO = '{"name": "add", "arguments": {"a": 1}} {"name": "add", "arguments": {"a": 1}}'


def test_a_call_becomes_its_pieces_and_the_finish_reason() -> None:
    first, second, third, fourth, done = streamed(made(), Text(TWO))
    assert isinstance(first, ToolCallDelta)
    assert isinstance(third, ToolCallDelta)
    assert (first.index, first.name, first.arguments) == (0, "add", "")
    assert first.id.startswith("call_")
    assert first.id != third.id
    assert (second, fourth) == (ToolCallDelta(0, '{"a": 1}'), ToolCallDelta(1, '{"a": 1}'))
    assert done == Done("tool_calls", Usage(1, 2))


CUT_CALLS = (
    '{"name": "get_weather",', ' [\n{"name": "add", "arguments": {"a": ', '```json\n{"name": "get_we',
    '<tool_call>\n{"name": "add"', "<tool_call>",
)  # fmt: skip

NO_CALLS = ('{"name": "Alice", "age": 4', "```python\nprint(", '{"result": [1, 2', "<tool", "I would call add(")


@pytest.mark.parametrize("text", [*CUT_CALLS, *NO_CALLS])
def test_a_call_that_the_limit_cut_off_is_left_out_and_nothing_else_is(text: str) -> None:
    for reason in ("length", "stop"):
        events = [Text(char) for char in text] + [Done(reason, Usage(1, 2))]
        found = "".join(event.text for event in split_calls(made(), iter(events)) if isinstance(event, Text))
        assert found == ("" if text in CUT_CALLS and reason == "length" else text)


def test_of_a_demanded_call_that_the_limit_cut_off_nothing_is_text() -> None:
    cut = Done("length", Usage(1, 2))
    events: list[Event] = list(split_calls(made(call_required=True), iter([Text('{"name":'), cut])))
    assert events == [Waiting("decode"), cut]


def test_one_call_where_several_are_not_wanted() -> None:
    assert len(streamed(made(parallel_calls=False), Text(TWO))) == 3


def test_reasoning_passes_and_its_calls_are_none() -> None:
    thought = Reasoning('<tool_call>{"name": "add", "arguments": {}}</tool_call>')
    assert streamed(made(), thought, Text("no")) == [thought, Text("no"), END]


def test_waiting_goes_out_while_text_is_held_back() -> None:
    events = list(split_calls(made(), iter([Text('{"name": "a'), Text("dd"), END])))
    assert events == [Waiting("decode"), Waiting("decode"), Text('{"name": "add'), END]


def test_logprobs_go_with_the_text_and_are_dropped_with_a_call() -> None:
    entry = (TokenLogprob("x", -1.0),)
    assert streamed(made(), Text('{"na', entry), Text("x", entry)) == [Text('{"nax', entry + entry), END]
    assert [e for e in streamed(made(), Text(TWO, entry)) if isinstance(e, Text)] == []


def test_closing_the_stream_closes_what_it_reads() -> None:
    closed = []

    def source() -> Any:
        try:
            yield Text("a")
            yield Text("b")
        finally:
            closed.append(True)

    stream = split_calls(made(), source())
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert closed
