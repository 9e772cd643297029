"""Calls told from text, however an answer is cut into pieces."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chat.tools.call import Call
from services.chat.tools.scan import FAMILIES, Scanner
from services.chat.tools.stage import split
from services.core.events import Done, Event, Reasoning, Text, TokenLogprob, ToolCallDelta, Usage, Waiting
from services.core.message import message
from services.core.request import EngineRequest, GenerationRequest, Tool
from tests.unit.test_plan import planned

NAMES = ("add", "get_weather")
ADD = Call("add", '{"a": 1}')


def scanned(family: str, text: str, cuts: list[int] | None = None) -> list[str | Call]:
    """What a scanner finds in `text` cut at `cuts`, with neighbouring texts joined."""
    scanner = Scanner(FAMILIES[family], NAMES)
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts or ())})
    found: list[str | Call] = []
    for start, end in itertools.pairwise(places):
        found += scanner.feed(text[start:end])
    joined: list[str | Call] = []
    for item in [*found, *scanner.finish()]:
        if isinstance(item, str) and joined and isinstance(joined[-1], str):
            joined[-1] += item
        else:
            joined.append(item)
    return joined


@pytest.mark.parametrize(
    ("family", "text", "found"),
    [
        ("hermes", '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>', [ADD]),
        ("hermes", 'I add.\n<tool_call>{"name":"add","arguments":{"a":1}}</tool_call> Done', ["I add.\n", ADD, "Done"]),
        ("hermes", '<tool_call>{"name":"add","arguments":{"a":1}}\n' * 2, [ADD, ADD]),
        ("hermes", '{"name": "add", "arguments": {"a": 1}}', [ADD]),
        ("hermes", '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}', [ADD]),
        ("hermes", '<tool_call>{"name": "add"}</tool_call>', [Call("add", "{}")]),
        ("llama", '<|python_tag|>{"name": "add", "parameters": {"a": 1}}<|eom_id|>', [ADD]),
        ("llama", '{"name": "add", "parameters": {"a": 1}}; {"name": "add", "parameters": {"a": 1}}', [ADD, ADD]),
        ("llama", '{"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}', [ADD]),
        ("mistral", '[TOOL_CALLS][{"name": "add", "arguments": {"a": 1}}, {"name": "add"}]', [ADD, Call("add", "{}")]),
        ("mistral", '[TOOL_CALLS]add[CALL_ID]ab1[ARGS]{"a": 1}[TOOL_CALLS]add{"a": 1}', [ADD, ADD]),
        ("mistral", 'add[ARGS]{"a": 1}', [ADD]),
        ("json", '```json\n{"name": "add", "arguments": {"a": 1}}\n```', [ADD]),
        ("json", 'So:\n```\n{"name": "add", "arguments": {"a": 1}}\n```\nThat is it', ["So:\n", ADD, "That is it"]),
        ("json", '{"tool_calls": [{"name": "add", "parameters": {"a": 1}}]}', [ADD]),
        (
            "json",
            '  {"name": "get_weather", "arguments": {"city": "}\\"{"}}',
            [Call("get_weather", '{"city": "}\\"{"}')],
        ),
    ],
)
def test_calls_of_every_family(family: str, text: str, found: list[str | Call]) -> None:
    assert scanned(family, text) == found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello.",
        " \n ",
        '{"answer": 5}',
        '{"name": "Bob", "age": 5}',
        '<tool_call>{"name": "unknown", "arguments": {}}</tool_call> and more',
        '<tool_call>{"name": "add", "arguments": [1]}</tool_call>',
        '<tool_call>{"name": "add", "arguments": {"a": NaN}}</tool_call>',
        '<tool_call>{"name": "add", "arguments": {"a": 1e999}}</tool_call>',
        '<tool_call>{"name": "add", "arguments": {"a": 1}',
        '<tool_call>{"name": "add" "arguments": {}}</tool_call>',
        "[TOOL_CALLS]nothing",
        "[TOOL_CALLS][1, 2]",
        'add is what {"a": 1} needs',
        '```python\nprint("add")\n```',
        "<|python_tag|>print(5)",
        "1 < 2 <tool",
        '{"name": "add", "arguments": ' + '{"a":' * 3000 + "1" + "}" * 3001,
    ],
)
def test_what_only_looks_like_a_call_is_text(family: str, text: str) -> None:
    assert scanned(family, text) == ([text] if text else [])


PIECES = st.sampled_from(
    [
        "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "<|python_tag|>", "```", "```json\n", "\n", " ", "add",
        '{"name": "add", "arguments": {"a": 1}}', '{"name": "x"}', "{", "}", "[", "]", '"', "\\", "<", ";", "text", ",",
    ]
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(
    family=st.sampled_from(sorted(FAMILIES)),
    text=st.lists(PIECES, max_size=12).map("".join),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_the_same_over_any_cut(family: str, text: str, cuts: list[int]) -> None:
    assert scanned(family, text, cuts) == scanned(family, text)
    assert scanned(family, text, list(range(len(text)))) == scanned(family, text)


@settings(max_examples=200, deadline=None)
@given(family=st.sampled_from(sorted(FAMILIES)), text=st.lists(PIECES, max_size=12).map("".join))
def test_without_a_call_no_character_is_lost(family: str, text: str) -> None:
    found = scanned(family, text)
    if not any(isinstance(item, Call) for item in found):
        assert "".join(map(str, found)) == text
    for item in found:
        if isinstance(item, Call):
            assert isinstance(json.loads(item.arguments), dict)


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_text_is_not_held_back(family: str) -> None:
    scanner = Scanner(FAMILIES[family], NAMES)
    assert scanner.feed("Hello") == ["Hello"]
    assert scanner.feed(" there < 5") == [" there < 5"]


def test_json_that_is_no_call_is_let_go_at_its_first_key() -> None:
    scanner = Scanner(FAMILIES["json"], NAMES)
    assert scanner.feed('{"') == []
    assert scanner.feed("answer") == ['{"answer']


@pytest.mark.parametrize("family", FAMILIES)
def test_a_hostile_answer_takes_linear_time(family: str) -> None:
    marker = FAMILIES[family].marker
    for text in (marker * 20_000, (marker + "{") * 20_000, (marker + "{}") * 20_000, '{"name":' * 20_000):
        assert "".join(map(str, scanned(family, text, list(range(0, len(text), 97))))) == text


def made(**changes: Any) -> EngineRequest:
    return planned(GenerationRequest((message("user", "x"),), tools=tuple(map(Tool, NAMES)), **changes))


END = Done("stop", Usage(1, 2))


def staged(job: EngineRequest, *events: Event) -> list[Event]:
    return [event for event in split(job, iter([*events, END])) if not isinstance(event, Waiting)]


TWO = '{"name": "add", "arguments": {"a": 1}} {"name": "add", "arguments": {"a": 1}}'


def test_a_call_becomes_its_pieces_and_the_finish_reason() -> None:
    first, second, third, fourth, done = staged(made(), Text(TWO))
    assert isinstance(first, ToolCallDelta)
    assert isinstance(third, ToolCallDelta)
    assert (first.index, first.name, first.arguments) == (0, "add", "")
    assert first.id.startswith("call_")
    assert first.id != third.id
    assert (second, fourth) == (ToolCallDelta(0, '{"a": 1}'), ToolCallDelta(1, '{"a": 1}'))
    assert done == Done("tool_calls", Usage(1, 2))


def test_one_call_where_several_are_not_wanted() -> None:
    assert len(staged(made(parallel_calls=False), Text(TWO))) == 3


def test_reasoning_passes_and_its_calls_are_none() -> None:
    thought = Reasoning('<tool_call>{"name": "add", "arguments": {}}</tool_call>')
    assert staged(made(), thought, Text("no")) == [thought, Text("no"), END]


def test_waiting_goes_out_while_text_is_held_back() -> None:
    events = list(split(made(), iter([Text('{"name": "a'), Text("dd"), END])))
    assert events == [Waiting("decode"), Waiting("decode"), Text('{"name": "add'), END]


def test_logprobs_go_with_the_text_and_are_dropped_with_a_call() -> None:
    entry = (TokenLogprob("x", -1.0),)
    assert staged(made(), Text('{"na', entry), Text("x", entry)) == [Text('{"nax', entry + entry), END]
    assert [e for e in staged(made(), Text(TWO, entry)) if isinstance(e, Text)] == []


def test_closing_the_stage_closes_what_it_reads() -> None:
    closed = []

    def source() -> Any:
        try:
            yield Text("a")
            yield Text("b")
        finally:
            closed.append(True)

    stage = split(made(), source())
    next(stage)
    stage.close()  # type: ignore[attr-defined]
    assert closed
