"""Anthropic's API: its requests, its answers and its stream; the conversions that need no server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic.types
import msgspec
import pytest

from services.api.dialects.anthropic import requests as conversions
from services.api.dialects.anthropic.answers import MessageHead, message_ending, usage_of, whole
from services.api.dialects.anthropic.schemas import MessageEvent
from services.api.dialects.anthropic.stream import error_frame, frames
from services.api.dialects.anthropic.types import MessagesRequest
from services.api.dialects.common.answer import CollectedAnswer
from services.core.errors import BadRequest, EngineFailed, ServiceError
from services.core.events import Done, Event, Notice, Reasoning, Refusal, Text, ToolCallDelta, Usage, Waiting
from services.core.message import Message, ToolCall
from services.core.request import GenerationRequest

HEAD = MessageHead("msg_1", "m", 10)


def request(**fields: Any) -> MessagesRequest:
    body = {"max_tokens": 5, "messages": [{"role": "user", "content": "x"}], **fields}
    return msgspec.convert(body, MessagesRequest)


def asked(**fields: Any) -> GenerationRequest:
    return conversions.chat(request(**fields))


def sent_messages(*given: dict[str, Any], **fields: Any) -> list[Message]:
    return list(asked(messages=list(given), **fields).messages)


def test_sources_can_be_left_as_they_are() -> None:
    assert (asked(rag=False).rag, asked(rag=None).rag) == (False, True)


def test_system_text_and_turns() -> None:
    blocks = [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}]
    found = sent_messages({"role": "user", "content": blocks}, {"role": "assistant", "content": "c"}, system=blocks)
    assert [(m.role, m.text) for m in found] == [("system", "a\nb"), ("user", "a\nb"), ("assistant", "c")]


def test_calls_and_results() -> None:
    call = {"type": "tool_use", "id": "1", "name": "f", "input": {"a": "ü"}}
    thought = {"type": "thinking", "thinking": "hm", "signature": ""}
    good = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "42"}]}
    bad = {"type": "tool_result", "tool_use_id": "2", "content": "broken", "is_error": True}
    found = sent_messages(
        {"role": "assistant", "content": [thought, {"type": "text", "text": "let me see"}, call]},
        {"role": "user", "content": [good, bad, {"type": "text", "text": "and?"}]},
    )
    assert (found[0].text, found[0].calls) == ("let me see", (ToolCall("1", "f", '{"a": "ü"}'),))
    assert [(m.role, m.text, m.call_id) for m in found[1:]] == [
        ("tool", "42", "1"),
        ("tool", "Error: broken", "2"),
        ("user", "and?", None),
    ]


def test_a_conversation_goes_on_without_what_only_anthropics_servers_know() -> None:
    search = {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}}
    turn = {"role": "assistant", "content": [search, {"type": "text", "text": "a\0"}]}
    assert [m.text for m in sent_messages(turn)] == ["a\ufffd"]
    assert conversions.ignored(request(messages=[turn])) == ["content of the type server_tool_use"]


@pytest.mark.parametrize(
    ("sent", "read"), [('{"a": 1}', '{"a": 1}'), ({"a": 1}, '{"a": 1}'), (None, "{}"), ([1], None), ("{", None)]
)
def test_a_conversation_goes_on_whatever_an_earlier_answer_contains(sent: Any, read: str | None) -> None:
    call = {"type": "tool_use", "id": 1, "name": "f", "input": sent}
    result = {"type": "tool_result", "tool_use_id": 1, "content": [{"type": "text"}]}
    found = sent_messages(
        {"role": "assistant", "content": [{"type": "text"}, call]}, {"role": "user", "content": [result]}
    )
    assert (found[0].text, found[0].calls) == ("", (ToolCall("1", "f", read or "{}", unread=read is None),))
    assert (found[1].text, found[1].call_id) == ("", "1")


def test_an_answer_without_content_is_empty() -> None:
    assert [m.text for m in sent_messages({"role": "assistant", "content": None})] == [""]


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, ""), ({"a": [1]}, '{"a":[1]}'), (10**40, str(10**40)), (True, "true"), ("a\0", "a\ufffd")],
)
def test_a_result_is_any_json_and_needs_no_id(content: Any, text: str) -> None:
    (found,) = sent_messages({"role": "user", "content": [{"type": "tool_result", "content": content}]})
    assert (found.role, found.text, found.call_id) == ("tool", text, None)


def test_results_alone_need_no_text() -> None:
    result = {"type": "tool_result", "tool_use_id": "1"}
    assert [m.role for m in sent_messages({"role": "user", "content": [result]})] == ["tool"]


@pytest.mark.parametrize(
    ("block", "role"),
    [
        ({"type": "image", "source": {"type": "base64"}}, "user"),
        ({"type": "document"}, "user"),
        ({"type": "text"}, "user"),
        ({"type": "tool_result", "tool_use_id": "1", "content": [{"type": "image"}]}, "user"),
        ({"type": "tool_use", "id": "1"}, "assistant"),
        ({"type": "party"}, "assistant"),
    ],
)
def test_blocks_it_cannot_read_are_refused_by_their_place(block: dict[str, Any], role: str) -> None:
    first = {"type": "text", "text": "a"}
    with pytest.raises(BadRequest, match=r"messages\[1\]\.content\[1\]"):
        sent_messages({"role": "user", "content": "x"}, {"role": role, "content": [first, block]})


SCHEMA = {"type": "json_schema", "schema": {"type": "object"}}


@pytest.mark.parametrize(
    "fields",
    [{"output_format": SCHEMA}, {"output_config": {"format": SCHEMA}, "output_format": SCHEMA}],
)
def test_both_places_of_a_schema(fields: dict[str, Any]) -> None:
    found = asked(**fields)
    assert (found.json_schema, found.schema_strict) == ({"type": "object"}, True)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"output_format": {"type": "json_schema"}}, "output_format"),
        ({"output_format": SCHEMA, "output_config": {"format": {**SCHEMA, "schema": {}}}}, "output_format"),
        ({"system": [{"type": "image"}]}, r"system\[0\]"),
        ({"tools": [{"type": "custom"}]}, r"tools\[0\]"),
        ({"messages": [{"role": "user"}]}, r"messages\[0\]"),
    ],
)
def test_what_it_cannot_do_is_refused_by_its_place(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(BadRequest, match=place):
        asked(**fields)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        (
            {"tools": [{"name": "f", "input_examples": [{}]}], "chat_history": ["x"]},
            ["tools.input_examples", "chat_history"],
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, ["thinking.budget_tokens"]),
        ({"thinking": {"type": "disabled"}, "metadata": {"user_id": "x"}, "service_tier": "auto"}, []),
        ({"output_config": {"effort": "low"}, "mcp_servers": [{"name": "x"}]}, ["mcp_servers", "output_config.effort"]),
        ({"cache_control": {"type": "ephemeral"}}, []),
        ({"output_format": {"type": "json_schema", "schema": {}}}, []),
        (
            {"output_format": {"type": "xml"}, "output_config": {"format": {"type": "y"}}},
            ["output_config.format.type", "output_format.type"],
        ),
        ({"grammar": "x", "min_p": 0.5, "seed": 1}, ["grammar"]),
        ({"response_format": {"type": "json_object"}, "stop": ["x"]}, ["response_format", "stop"]),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}, {"name": "f"}]}, ["tools of the type bash"]),
        ({"tools": [{"type": "a\r\nb"}, {"type": "web_search_1"}]}, ["tools of an unknown type"]),
    ],
)
def test_what_has_no_effect(fields: dict[str, Any], names: list[str]) -> None:
    assert sorted(conversions.ignored(request(**fields))) == sorted(names)


@pytest.mark.parametrize(
    ("kind", "thinking"), [("enabled", True), ("disabled", False), ("adaptive", None), (None, None)]
)
def test_the_thinking_switch(kind: str | None, thinking: bool | None) -> None:
    assert asked(thinking={"type": kind} if kind else None).thinking is thinking


def test_sampling_and_limits() -> None:
    found = asked(max_tokens=7, temperature=0.5, top_p=0.9, top_k=3, stop_sequences=["a", "b"])
    assert (found.max_tokens, found.stop) == (7, ("a", "b"))
    assert (found.sampling.temperature, found.sampling.top_p, found.sampling.top_k) == (0.5, 0.9, 3)


def test_a_format_is_a_schema() -> None:
    schema = {"type": "object"}
    found = asked(output_config={"format": {"type": "json_schema", "schema": schema}})
    assert (found.json_schema, found.schema_strict) == (schema, True)
    assert (asked().json_schema, asked().schema_strict) == (None, False)


F, G = ({"name": name, "input_schema": {"type": "object"}} for name in "fg")


@pytest.mark.parametrize(
    ("choice", "names", "required", "parallel"),
    [
        (None, ["f", "g"], False, True),
        ({"type": "auto", "disable_parallel_tool_use": True}, ["f", "g"], False, False),
        ({"type": "any"}, ["f", "g"], True, True),
        ({"type": "tool", "name": "g"}, ["g"], True, True),
        ({"type": "none"}, [], False, True),
    ],
)
def test_the_choice_of_a_tool(choice: Any, names: list[str], required: bool, parallel: bool) -> None:
    found = asked(tools=[F, G], tool_choice=choice)
    assert [tool.name for tool in found.tools] == names
    assert (found.call_required, found.parallel_calls) == (required, parallel)
    assert all(tool.parameters == {"type": "object"} for tool in found.tools)


def test_a_strict_tool() -> None:
    assert asked(tools=[{"name": "f", "strict": True}]).tools[0].strict
    assert not asked(tools=[{"name": "f", "strict": False}]).tools[0].strict


@pytest.mark.parametrize(
    ("tools", "choice"),
    [([F], {"type": "tool"}), ([F], {"type": "tool", "name": "g"}), ([], {"type": "any"}), ([F, F], None)],
)
def test_a_choice_that_cannot_be_is_refused(tools: list[Any], choice: Any) -> None:
    with pytest.raises(BadRequest, match=r"tool"):
        asked(tools=tools, tool_choice=choice)


def of(*events: Event) -> Iterator[Event]:
    yield from events


def broken() -> Iterator[Event]:
    yield Text("a")
    raise EngineFailed("it broke")


def sent(events: Iterator[Event]) -> Iterator[bytes]:
    """Yield the bytes of a stream; an error ends it."""
    try:
        yield from (frame for frame in frames(HEAD, events) if isinstance(frame, bytes))
    except ServiceError as error:
        yield error_frame(error)


def encoded(answer: msgspec.Struct) -> Any:
    return json.loads(msgspec.json.encode(answer))


def streamed(events: Iterator[Event]) -> list[Any]:
    """Return of each event its name, its index, and what it adds. Each is checked against its type."""
    found = []
    for frame in sent(events):
        name, data = frame.decode().split("event: ")[-1].split("\ndata: ")
        body = json.loads(data)
        assert body["type"] == name
        msgspec.json.decode(data, type=MessageEvent)
        more = body.get("content_block") or body.get("delta") or body.get("error")
        found.append((name.removeprefix("content_"), body.get("index"), more))
    return found


CALLS = (
    ToolCallDelta(0, "", "c1", "f"),
    ToolCallDelta(0, '{"a":'),
    ToolCallDelta(0, "1}"),
    ToolCallDelta(1, "{}", "c2", "g"),
)


def test_a_stream_of_every_piece() -> None:
    events = of(
        Waiting("prefill"), Reasoning("h"), Reasoning("m"), Text("x"), *CALLS, Done("tool_calls", Usage(5, 6, 3))
    )
    assert streamed(events) == [
        ("message_start", None, None),
        ("ping", None, None),
        ("block_start", 0, {"type": "thinking", "thinking": "", "signature": ""}),
        ("block_delta", 0, {"type": "thinking_delta", "thinking": "h"}),
        ("block_delta", 0, {"type": "thinking_delta", "thinking": "m"}),
        ("block_stop", 0, None),
        ("block_start", 1, {"type": "text", "text": ""}),
        ("block_delta", 1, {"type": "text_delta", "text": "x"}),
        ("block_stop", 1, None),
        ("block_start", 2, {"type": "tool_use", "id": "toolu_c1", "name": "f", "input": {}}),
        ("block_delta", 2, {"type": "input_json_delta", "partial_json": '{"a":'}),
        ("block_delta", 2, {"type": "input_json_delta", "partial_json": "1}"}),
        ("block_stop", 2, None),
        ("block_start", 3, {"type": "tool_use", "id": "toolu_c2", "name": "g", "input": {}}),
        ("block_delta", 3, {"type": "input_json_delta", "partial_json": "{}"}),
        ("block_stop", 3, None),
        ("message_delta", None, {"stop_reason": "tool_use", "stop_sequence": None}),
        ("message_stop", None, None),
    ]


def test_a_ping_has_a_comment_for_people() -> None:
    _, ping, *_ = frames(HEAD, of(Waiting("queued", 2), Done("stop", Usage())))
    assert ping == b': queued position=2\nevent: ping\ndata: {"type":"ping"}\n\n'


def test_notices_go_past_the_stream() -> None:
    early, late = Notice("warning", "a"), Notice("cache", "b")
    found = list(frames(HEAD, of(early, Text("x"), late, Done("stop", Usage()))))
    assert found[0] == early
    assert [frame for frame in found if isinstance(frame, Notice)] == [early, late]


def test_an_empty_answer_has_an_empty_block() -> None:
    names = [name for name, _, _ in streamed(of(Done("stop", Usage())))]
    assert names == ["message_start", "block_start", "block_stop", "message_delta", "message_stop"]
    assert encoded(whole(HEAD, CollectedAnswer()))["content"] == [{"type": "text", "text": ""}]


def test_reasoning_is_a_block_of_its_own() -> None:
    assert encoded(whole(HEAD, CollectedAnswer(text="yes", reasoning="hm")))["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "yes"},
    ]


def test_a_stream_that_breaks_ends_with_the_error() -> None:
    assert streamed(broken())[-1] == ("error", None, {"type": "api_error", "message": "it broke"})


@pytest.mark.parametrize(
    ("done", "reason", "stop"),
    [
        (Done("stop", Usage(1, 1)), "end_turn", None),
        (Done("stop", Usage(1, 1), stop="END"), "stop_sequence", "END"),
        (Done("length", Usage(1, 10)), "max_tokens", None),
        (Done("length", Usage(1, 9)), "model_context_window_exceeded", None),
        (Done("tool_calls", Usage(1, 1)), "tool_use", None),
    ],
)
def test_why_it_ended(done: Done, reason: str, stop: str | None) -> None:
    assert encoded(message_ending(HEAD, done)) == {"stop_reason": reason, "stop_sequence": stop}


def test_a_refusal_is_the_text_and_the_reason() -> None:
    end = {
        "stop_reason": "refusal",
        "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": None, "explanation": "I cannot."},
    }
    body = encoded(whole(HEAD, CollectedAnswer(refusal="I cannot.")))
    assert body["content"] == [{"type": "text", "text": "I cannot."}]
    assert {name: body[name] for name in end} == end
    anthropic.types.Message.model_validate(body)
    assert streamed(of(Reasoning("h"), Refusal("I cannot."), Done("stop", Usage(1, 1))))[4:] == [
        ("block_start", 1, {"type": "text", "text": ""}),
        ("block_delta", 1, {"type": "text_delta", "text": "I cannot."}),
        ("block_stop", 1, None),
        ("message_delta", None, end),
        ("message_stop", None, None),
    ]


def test_cached_tokens_are_counted_apart() -> None:
    found = encoded(usage_of(Usage(10, 2, 7)))
    assert (found["input_tokens"], found["cache_read_input_tokens"], found["output_tokens"]) == (3, 7, 2)


@pytest.mark.parametrize(
    ("arguments", "found"), [('{"a": 1}', {"a": 1}), ("", {}), ('{"a": ', {}), ("[1]", {}), ("null", {})]
)
def test_arguments_are_an_object(arguments: str, found: dict[str, Any]) -> None:
    body = encoded(whole(HEAD, CollectedAnswer(calls=[ToolCall("c", "f", arguments)], finish_reason="tool_calls")))
    assert body["content"] == [{"type": "tool_use", "id": "toolu_c", "name": "f", "input": found}]
