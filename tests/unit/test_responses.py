"""The Responses API: its requests, its answers and its stream. OpenAI's own types check every shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pydantic
import pytest
from openai.types.responses import Response, ResponseStreamEvent

from services.api.dialects.common.answer import CollectedAnswer, collected
from services.api.dialects.responses import requests as conversions
from services.api.dialects.responses.answers import ResponseHead, usage_of, whole
from services.api.dialects.responses.events import ResponseEvent
from services.api.dialects.responses.stream import ResponseWriter
from services.api.dialects.responses.types import ResponsesRequest
from services.core.errors import BadRequest, EngineFailed, QueueFull, ServiceError
from services.core.events import (
    Done,
    Event,
    FinishReason,
    Notice,
    Reasoning,
    Refusal,
    Text,
    TokenLogprob,
    ToolCallDelta,
    TopLogprob,
    Usage,
    Waiting,
)
from services.core.message import ToolCall, message
from services.core.request import GenerationRequest

EVENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(ResponseStreamEvent)


def request(**fields: Any) -> ResponsesRequest:
    return msgspec.convert({"input": "x", **fields}, ResponsesRequest)


HEAD = ResponseHead("1", 1700000000, "m", request())


def asked(**fields: Any) -> GenerationRequest:
    return conversions.chat(request(**fields))


def test_sources_can_be_left_as_they_are() -> None:
    assert (asked(input="x", rag=False).rag, asked(input="x", rag=None).rag) == (False, True)


def test_instructions_and_a_text() -> None:
    assert asked(instructions="i", input="x").messages == (message("system", "i"), message("user", "x"))


def test_items_become_messages() -> None:
    part = {"type": "input_text", "text": "a"}
    found = asked(
        input=[
            {"role": "developer", "content": "d"},
            {"type": "message", "role": "user", "content": [part, part]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "let me see", "annotations": []}],
            },
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": '{"a": 1}'},
            {"type": "function_call", "call_id": "2", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": 10**40},
            {"type": "function_call_output", "call_id": "2", "output": [part]},
            {"type": "function_call", "call_id": "3", "name": "f", "arguments": "{}"},
        ]
    ).messages
    assert [(m.role, m.text, [call.id for call in m.calls]) for m in found] == [
        ("system", "d", []),
        ("user", "a\na", []),
        ("assistant", "let me see", ["1", "2"]),
        ("tool", str(10**40), []),
        ("tool", "a", []),
        ("assistant", "", ["3"]),
    ]
    assert [m.call_id for m in found] == [None, None, None, "1", "2", None]
    assert found[2].calls[0] == ToolCall("1", "f", '{"a": 1}')


def test_a_conversation_goes_on_after_odd_items() -> None:
    items = [
        {"role": "user", "content": "x"},
        {"type": "item_reference", "id": "msg_1"},
        {"type": "function_call", "call_id": 1, "name": "f", "arguments": {"a": 1}},
        {"type": "function_call_output", "call_id": 1, "output": "y"},
    ]
    found = asked(input=items).messages
    assert [m.calls for m in found] == [(), (ToolCall("1", "f", '{"a": 1}'),), ()]
    assert found[2].call_id == "1"
    assert conversions.ignored(request(input=items)) == ["input of the type item_reference"]


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"type": "party", "id": "1"}, "party"),
        ({"type": "message", "role": "user"}, "content"),
        ({"content": "x"}, "role"),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}, r"input\[1\].content\[0\]"),
        ({"role": "user", "content": "a\0"}, "NUL"),
        ({"type": "function_call", "call_id": "1"}, "name"),
    ],
)
def test_items_it_cannot_read_are_refused_by_their_place(item: dict[str, Any], place: str) -> None:
    with pytest.raises(BadRequest, match=place) as caught:
        asked(input=[{"role": "user", "content": "x"}, item])
    assert "input[1]" in caught.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"background": True},
        {"prompt": {"id": "pmpt_1"}},
    ],
)
def test_what_needs_a_memory_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="keeps no responses") as caught:
        asked(**fields)
    assert caught.value.param in fields


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        (None, None),
        ({"format": {"type": "text"}, "verbosity": "low"}, None),
        ({"format": {"type": "json_object"}}, {}),
        ({"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}}, {"type": "object"}),
    ],
)
def test_formats(text: Any, schema: Any) -> None:
    assert asked(text=text).json_schema == schema


@pytest.mark.parametrize(
    ("form", "strict"),
    [
        (None, False),
        ({"type": "json_object", "strict": True}, False),
        ({"type": "json_schema", "name": "n", "schema": {}}, False),
        ({"type": "json_schema", "name": "n", "schema": {}, "strict": False}, False),
        ({"type": "json_schema", "name": "n", "schema": {}, "strict": True}, True),
    ],
)
def test_a_strict_format_takes_a_refusal(form: Any, strict: bool) -> None:
    assert asked(text={"format": form}).schema_strict is strict


def test_a_schema_format_without_a_schema_is_refused() -> None:
    with pytest.raises(BadRequest, match="no schema"):
        asked(text={"format": {"type": "json_schema", "name": "n"}})


@pytest.mark.parametrize(("effort", "thinking"), [("none", False), ("minimal", False), ("high", True), (None, None)])
def test_the_thinking_switch(effort: str | None, thinking: bool | None) -> None:
    assert asked(reasoning={"effort": effort}).thinking is thinking


def test_sampling_and_limits() -> None:
    found = asked(max_output_tokens=7, temperature=0.5, top_p=0.9, top_logprobs=2)
    assert (found.max_tokens, found.logprobs) == (7, 2)
    assert (found.sampling.temperature, found.sampling.top_p) == (0.5, 0.9)
    assert asked(include=["message.output_text.logprobs"]).logprobs == 0


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"store": False, "truncation": "disabled", "metadata": {"a": "b"}, "user": "me"}, []),
        ({"store": True, "truncation": "auto"}, ["store", "truncation"]),
        ({"include": ["reasoning.encrypted_content"] * 2}, ["include reasoning.encrypted_content"]),
        ({"include": ["message.output_text.logprobs", "a\r\nb", "c"]}, ["include"]),
        ({"text": {"verbosity": "low"}, "reasoning": {"summary": "auto"}}, ["text.verbosity", "reasoning.summary"]),
        ({"grammar": "x", "seed": 1, "stop": "x", "n": 2}, ["stop", "n", "grammar"]),
        ({"output_format": {"type": "json"}, "output_config": {"a": 1}}, ["output_format", "output_config"]),
        ({"text": {"format": {"type": "text", "schema": {}}}}, ["text.format.schema"]),
        ({"text": {"format": {"type": "json_schema", "schema": {}, "description": "A list."}}},
         ["text.format.description"]),
        ({"tools": [{"type": "web_search"}, {"type": "function", "name": "f"}]}, ["tools of the type web_search"]),
        ({"tools": [{"type": "a\r\nb"}, {"type": "c"}]}, ["tools of an unknown type"]),
        ({"input": [{"type": "web_search_call"}, {"content": "x", "role": "user"}]},
         ["input of the type web_search_call"]),
    ],
)  # fmt: skip
def test_what_has_no_effect(fields: dict[str, Any], names: list[str]) -> None:
    assert sorted(conversions.ignored(request(**fields))) == sorted(names)


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "function"}]},
        {"tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "web_search"}},
    ],
)
def test_a_tool_without_a_name_and_a_choice_of_none_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=r"web_search|function"):
        asked(**fields)


F, G = ({"type": "function", "name": name} for name in "fg")


@pytest.mark.parametrize(
    ("choice", "names", "required"),
    [
        (None, ["f", "g"], False),
        ("auto", ["f", "g"], False),
        ("required", ["f", "g"], True),
        ("none", [], False),
        ({"type": "function", "name": "g"}, ["g"], True),
        ({"type": "allowed_tools", "mode": "auto", "tools": [F]}, ["f"], False),
        ({"type": "allowed_tools", "mode": "required", "tools": [G]}, ["g"], True),
    ],
)
def test_the_choice_of_a_tool(choice: Any, names: list[str], required: bool) -> None:
    found = asked(tools=[F, G], tool_choice=choice, parallel_tool_calls=False)
    assert ([tool.name for tool in found.tools], found.call_required, found.parallel_calls) == (names, required, False)


def test_a_strict_tool() -> None:
    assert asked(tools=[{**F, "strict": True}]).tools[0].strict
    assert not asked(tools=[{**F, "strict": False}]).tools[0].strict


def test_tools_of_openais_servers_are_left_out_and_never_shown_as_offered() -> None:
    sent = request(tools=[{"type": "web_search"}, F, {"type": "custom", "name": "patch"}])
    assert [tool.name for tool in conversions.chat(sent).tools] == ["f"]
    assert encoded(whole(ResponseHead("1", 1, "m", sent), CollectedAnswer()))["tools"] == [F]


@pytest.mark.parametrize(
    ("choice", "shown"), [("any", "required"), ({"type": "auto"}, "auto"), ({"type": "any"}, "required")]
)
def test_a_choice_in_others_words_is_shown_in_openais(choice: Any, shown: str) -> None:
    sent = request(tools=[F], tool_choice=choice)
    assert conversions.chat(sent).call_required is (shown == "required")
    assert encoded(whole(ResponseHead("1", 1, "m", sent), CollectedAnswer()))["tool_choice"] == shown


def test_odd_calls_and_results_of_a_history_are_read() -> None:
    found = asked(
        input=[
            {"role": "assistant", "content": None},
            {"type": "custom_tool_call", "call_id": "1", "name": "patch", "input": "x\n"},
            {"type": "function_call", "name": "f", "arguments": '{"a": '},
            {"type": "custom_tool_call_output", "call_id": "1", "output": {"ok": True}},
            {"type": "function_call_output", "output": "a\0"},
        ]
    )
    assert [(m.role, m.text) for m in found.messages] == [
        ("assistant", ""),
        ("tool", '{"ok":true}'),
        ("tool", "a\ufffd"),
    ]
    patch, broken = found.messages[0].calls
    assert (patch.arguments, broken.arguments, broken.id) == ('{"input": "x\\n"}', "{}", "")
    assert found.unread == ["arguments of an earlier call"]


def test_labels_that_were_not_sent_are_left_out() -> None:
    assert encoded(whole(HEAD, CollectedAnswer())).keys().isdisjoint({"user", "safety_identifier", "prompt_cache_key"})


def test_a_tool_keeps_its_description_and_schema() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    (tool,) = asked(tools=[{**F, "description": "d", "parameters": schema, "strict": True}]).tools
    assert (tool.description, tool.parameters) == ("d", schema)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "f"}])
def test_a_choice_without_tools_is_refused(choice: Any) -> None:
    with pytest.raises(BadRequest, match="tool_choice"):
        asked(tool_choice=choice)


def test_a_flexible_tier_lets_others_go_first() -> None:
    assert asked(service_tier="flex").low_priority
    assert not asked(service_tier="auto").low_priority
    assert conversions.ignored(request(service_tier="priority")) == ["service_tier"]


def encoded(answer: msgspec.Struct) -> Any:
    return json.loads(msgspec.json.encode(answer))


def no_notice(notice: Notice) -> None:
    raise AssertionError(notice)


def of(*events: Event) -> Iterator[Event]:
    yield from events


def sent(writer: ResponseWriter, events: Iterator[Event]) -> Iterator[bytes]:
    """Yield the bytes of a stream; an error ends it."""
    try:
        yield from (frame for frame in writer.frames(events) if isinstance(frame, bytes))
    except ServiceError as error:
        yield writer.error_frame(error)


def written(events: Iterator[Event], head: ResponseHead = HEAD) -> list[dict[str, Any]]:
    """Return the events of a stream, each checked against OpenAI's type and ours for it."""
    writer, found = ResponseWriter(head), []
    for frame in sent(writer, events):
        if not frame.startswith(b":"):
            name, data = frame.decode().removeprefix("event: ").split("\ndata: ")
            found.append(json.loads(data))
            assert found[-1]["type"] == name
            EVENT.validate_python(found[-1])
            msgspec.json.decode(data, type=ResponseEvent)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


def names(events: Iterator[Event]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in written(events)]


THINK, SAY, CALL = (
    (Reasoning("h"), Reasoning("m")),
    (Text("x"), Text("y")),
    (ToolCallDelta(0, "", "c1", "f"), ToolCallDelta(0, "{}")),
)
NO = (Refusal("I cannot."),)
ADDED, PART, REASONED = "output_item.added", "content_part.added", "reasoning_text.delta"
SAID = [ADDED, PART, "output_text.delta", "output_text.delta", "output_text.done", "content_part.done"]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((), []),
        (SAY, [*SAID, "output_item.done"]),
        (
            THINK,
            [ADDED, PART, REASONED, REASONED, "reasoning_text.done", "content_part.done", "output_item.done"],
        ),
        (
            CALL,
            [ADDED, "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"],
        ),
        (NO, [ADDED, PART, "refusal.delta", "refusal.done", "content_part.done", "output_item.done"]),
        ((*SAY, *CALL), [
            *SAID, "output_item.done",
            ADDED, "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        ]),
    ],
)  # fmt: skip
def test_the_sequence_of_events(pieces: tuple[Event, ...], expected: list[str]) -> None:
    found = names(of(Waiting("prefill"), *pieces, Done("stop", Usage(1, 2))))
    assert found == ["created", "in_progress", *expected, "completed"]


def test_notices_go_past_the_stream() -> None:
    early, late = Notice("warning", "a"), Notice("cache", "b")
    frames = list(ResponseWriter(HEAD).frames(of(early, Text("x"), late, Done("stop", Usage()))))
    assert frames[0] == early
    assert [frame for frame in frames if isinstance(frame, Notice)] == [early, late]


@pytest.mark.parametrize("pieces", [(), SAY, THINK, CALL, NO, (*THINK, *SAY, *CALL, ToolCallDelta(1, "{}", "c2", "g"))])
def test_a_stream_ends_with_what_the_whole_answer_is(pieces: tuple[Event, ...]) -> None:
    for reason in get_args(FinishReason):
        check_stream(pieces, Done(reason, Usage(10, 5, 3)))


def check_stream(pieces: tuple[Event, ...], done: Done) -> None:
    """Check that the events of a stream add up to the whole answer."""
    events = written(of(*pieces, done))
    body = encoded(whole(HEAD, collected(of(*pieces, done), no_notice)))
    assert events[-1]["response"] == body
    assert Response.model_validate(body).output_text == "".join(p.text for p in pieces if isinstance(p, Text))
    assert [event["item"] for event in events if event["type"] == "response.output_item.done"] == body["output"]
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert deltas == [p.text for p in pieces if isinstance(p, Text)]


def test_a_refusal_is_a_part_of_its_own() -> None:
    events = written(of(Reasoning("h"), *NO, Done("stop", Usage())))
    (item,) = events[-1]["response"]["output"][1:]
    assert (item["type"], item["content"]) == ("message", [{"type": "refusal", "refusal": "I cannot."}])
    (delta,) = [event for event in events if event["type"] == "response.refusal.delta"]
    assert (delta["item_id"], delta["delta"]) == (item["id"], "I cannot.")


def test_an_answer_cut_short_is_incomplete_in_its_last_item() -> None:
    body = encoded(whole(HEAD, CollectedAnswer(text="x", reasoning="h", finish_reason="length")))
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert [item["status"] for item in body["output"]] == ["completed", "incomplete"]


@pytest.mark.parametrize(
    ("error", "code"),
    [(EngineFailed("e"), "server_error"), (BadRequest("e"), "invalid_prompt"), (QueueFull("e"), "rate_limit_exceeded")],
)
def test_a_stream_that_breaks_ends_as_failed_with_what_there_is(error: ServiceError, code: str) -> None:
    def broken() -> Iterator[Event]:
        yield from (Reasoning("h"), Text("x"))
        raise error

    *_, last = written(broken())
    assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
    assert last["response"]["error"] == {"code": code, "message": "e"}
    assert [item["status"] for item in last["response"]["output"]] == ["completed", "incomplete"]


def test_logprobs_are_in_deltas_and_in_the_whole() -> None:
    token = TokenLogprob("x", -0.5, [120], (TopLogprob("x", -0.5, [120]),))
    events = written(of(Text("x", (token,)), Done("stop", Usage())))
    (delta,) = [event for event in events if event["type"] == "response.output_text.delta"]
    assert delta["logprobs"] == events[-1]["response"]["output"][0]["content"][0]["logprobs"]
    assert delta["logprobs"][0]["top_logprobs"] == [{"token": "x", "logprob": -0.5, "bytes": [120]}]


def test_a_response_repeats_its_request() -> None:
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
    fields = {
        "instructions": "i", "temperature": 0.5, "top_p": 0.9, "max_output_tokens": 5, "metadata": {"a": "b"},
        "tools": [tool], "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": False,
        "reasoning": {"effort": "low", "summary": None}, "user": "me", "prompt_cache_key": "k",
    }  # fmt: skip
    head = ResponseHead("1", 1, "m", request(**fields))
    body = encoded(whole(head, CollectedAnswer()))
    assert {name: body[name] for name in fields} == fields
    assert (body["store"], body["background"], body["text"]["format"]) == (False, False, {"type": "text"})
    Response.model_validate(body)


def test_usage() -> None:
    found = encoded(usage_of(Usage(10, 5, 3)))
    assert (found["input_tokens"], found["output_tokens"], found["total_tokens"]) == (10, 5, 15)
    assert found["input_tokens_details"]["cached_tokens"] == 3
