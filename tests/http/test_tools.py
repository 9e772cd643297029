"""Tools and forms of answers over HTTP: the scripted engine as one with grammars, and as one without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.chat.tools.families import BY_NAME
from services.core.model import OFF, REQUIRED_ONLY
from tests.engines import write_fake_model
from tests.http.conftest import Api, chunks

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "The weather", "parameters": CITY}}
CLOCK = {"type": "function", "function": {"name": "get_time"}}
CALL = '{"name": "get_weather", "arguments": {"city": "Paris"}}'
SCHEMA = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}
STRICT = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": CITY}}


def choice(result: Any) -> Any:
    assert result.status_code == 200, result.text
    return result.json["choices"][0]


def deltas(result: Any) -> list[Any]:
    return [event["choices"][0]["delta"] for event in chunks(result)[:-1]]


def test_a_call_in_a_whole_answer(api: Api) -> None:
    found = choice(api.chat({"text": CALL}, tools=[WEATHER]))
    (call,) = found["message"]["tool_calls"]
    assert found["finish_reason"] == "tool_calls"
    assert found["message"]["content"] is None
    assert call["id"].startswith("call_")
    assert call["type"] == "function"
    assert call["function"]["name"] == "get_weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}


def test_a_call_in_a_stream_is_its_name_and_then_its_arguments(api: Api) -> None:
    result = api.chat({"text": CALL}, tools=[WEATHER], stream=True)
    _, name, arguments, end = deltas(result)
    (first,), (second,) = name["tool_calls"], arguments["tool_calls"]
    assert first["index"] == second["index"] == 0
    assert first["id"].startswith("call_")
    assert first["function"] == {"name": "get_weather", "arguments": ""}
    assert json.loads(second["function"]["arguments"]) == {"city": "Paris"}
    assert "id" not in second
    assert end == {}
    assert chunks(result)[-2]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"tools": []},
        {"tools": [CLOCK]},
        {"tools": [WEATHER], "tool_choice": "none"},
    ],
)
def test_a_call_of_what_was_not_offered_is_text(api: Api, more: dict[str, Any]) -> None:
    found = choice(api.chat({"text": CALL}, **more))
    assert (found["message"]["content"], found["finish_reason"]) == (CALL, "stop")


def test_one_call_where_several_are_not_wanted(api: Api) -> None:
    two = {"text": f"{CALL}\n{CALL}"}
    assert len(choice(api.chat(two, tools=[WEATHER]))["message"]["tool_calls"]) == 2
    assert len(choice(api.chat(two, tools=[WEATHER], parallel_tool_calls=False))["message"]["tool_calls"]) == 1


def test_functions_are_answered_in_their_older_shape(api: Api) -> None:
    asked: dict[str, Any] = {"functions": [WEATHER["function"]], "function_call": "auto"}
    found = choice(api.chat({"text": CALL}, **asked))
    assert found["message"]["function_call"]["name"] == "get_weather"
    assert found["finish_reason"] == "function_call"
    result = api.chat({"text": CALL}, **asked, stream=True)
    assert [delta["function_call"] for delta in deltas(result) if "function_call" in delta] == [
        {"name": "get_weather", "arguments": ""},
        {"arguments": '{"city": "Paris"}'},
    ]
    assert chunks(result)[-2]["choices"][0]["finish_reason"] == "function_call"
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "function_call": {"name": "get_weather", "arguments": "{}"}},
        {"role": "function", "name": "get_weather", "content": "sunny"},
    ]
    said = choice(api.post("/v1/chat/completions", {"messages": messages}))["message"]["content"]
    assert said == "You said: Result of get_weather:\nsunny"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [WEATHER, WEATHER]}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {"name": "not a name"}}]}, "tools[0].function.name"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "nope"}}}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "http://127.0.0.1:1/"}}}},
         "response_format"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_400_that_names_the_field(api: Api, more: dict[str, Any], param: str) -> None:
    result = api.chat(**more)
    assert result.status_code == 400
    assert result.json["error"]["param"] == param


def big(size: int) -> list[dict[str, Any]]:
    """As many tools as take `size` bytes."""
    about = "Reads, writes and lists what the user keeps, by its name or by what stands in it, newest first. " * 2
    one = {"parameters": {"type": "object", "properties": {n: {"type": "string"} for n in ("name", "query", "count")}}}
    count = size // len(json.dumps({"type": "function", "function": {"name": "tool_00", "description": about, **one}}))
    return [
        {"type": "function", "function": {"name": f"tool_{i:02}", "description": about, **one}} for i in range(count)
    ]


def test_tools_that_do_not_fit_are_a_sentence_that_says_what_to_do(api: Api) -> None:
    tools = big(25_000)
    result = api.chat("hi", tools=tools, stream=True)
    assert result.status_code == 400
    message = result.json["error"]["message"]
    for part in (f"The {len(tools)} tools", "tokens", "4096", "2048", "Open WebUI", "Legacy"):
        assert part in message


def test_tools_that_do_not_fit_are_dropped_where_the_settings_say_so(make: Callable[..., Api], tmp_path: Path) -> None:
    write_fake_model(tmp_path, "fake")
    api = make(tools_over_budget="drop")
    result = api.chat({"text": CALL}, tools=big(25_000))
    assert choice(result)["message"]["content"] == CALL
    reason = "they take more than half of its context"
    assert result.headers["x-rkllm-warning"] == f"ignored: tools ({reason}); see docs/api.md"
    assert api.chat("x", tools=big(25_000), tool_choice="required").status_code == 400


def test_a_model_that_shall_not_call(api: Api, tmp_path: Path) -> None:
    (tmp_path / "fake" / "model.yaml").write_text("tools: off")
    result = api.chat({"text": CALL}, tools=[WEATHER])
    assert choice(result)["message"]["content"] == CALL
    reason = "its model.yaml has tools: off"
    assert result.headers["x-rkllm-warning"] == f"ignored: tools ({reason}); see docs/api.md"
    assert api.chat("x", tools=[WEATHER], tool_choice="required").status_code == 400


def test_a_model_that_calls_nothing_by_itself(api: Api, tmp_path: Path) -> None:
    (tmp_path / "fake" / "model.yaml").write_text("tools: required_only")
    result = api.chat({"text": CALL}, tools=[WEATHER])
    assert choice(result)["message"]["content"] == CALL
    reason = "its model.yaml has tools: required_only"
    assert result.headers["x-rkllm-warning"] == f"ignored: tools ({reason}); see docs/api.md"
    with_schema = api.chat({"text": CALL}, tools=[WEATHER], response_format={"type": "json_object"})
    assert choice(with_schema)["message"]["content"] == CALL
    named = {"type": "function", "function": {"name": "get_weather"}}
    for demanded in ("required", named):
        result = api.chat({"text": CALL}, tools=[WEATHER], tool_choice=demanded)
        assert choice(result)["finish_reason"] == "tool_calls"
        assert "x-rkllm-warning" not in result.headers


def test_a_demanded_call_of_a_model_that_calls_nothing_by_itself_is_checked(plain: Api, tmp_path: Path) -> None:
    yaml = tmp_path / "fake" / "model.yaml"
    yaml.write_text((yaml.read_text() if yaml.exists() else "") + "\ntools: required_only\n")
    script = {"text": "It is sunny.", "again": {"text": CALL}}
    result = plain.chat(script, tools=[WEATHER], tool_choice="required")
    assert choice(result)["finish_reason"] == "tool_calls"
    assert result.headers["x-rkllm-warning"] == "retried: tool_choice"


def test_an_unknown_family_is_a_problem_that_lists_the_known_ones(api: Api, tmp_path: Path) -> None:
    (tmp_path / "fake" / "model.yaml").write_text("tools: words")
    (problem,) = api.app.service.catalog.problems()
    assert f"write one of {', '.join(sorted([*BY_NAME, OFF, REQUIRED_ONLY]))}" in problem


def test_the_family_of_a_model_is_its_model_yamls(api: Api, tmp_path: Path) -> None:
    text = f"I look.\n<tool_call>{CALL}</tool_call>"
    (tmp_path / "fake" / "model.yaml").write_text("tools: mistral")
    assert choice(api.chat({"text": text}, tools=[WEATHER]))["finish_reason"] == "stop"
    for family in ("tools: hermes", ""):
        (tmp_path / "fake" / "model.yaml").write_text(family)
        found = choice(api.chat({"text": text}, tools=[WEATHER]))
        assert (found["message"]["content"], found["finish_reason"]) == ("I look.\n", "tool_calls")


def test_the_schema_of_a_tool_types_arguments_that_are_no_json(api: Api) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": schema}}
    lines = "<parameter=city>\n5\n</parameter>\n<parameter=days>\n5\n</parameter>\n"
    text = f"<tool_call>\n<function=get_weather>\n{lines}</function>\n</tool_call>"
    (call,) = choice(api.chat({"text": text}, tools=[tool]))["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "5", "days": 5}


@pytest.mark.parametrize("stream", [True, False])
def test_a_demanded_call_without_a_grammar_is_tried_a_second_time(plain: Api, stream: bool) -> None:
    script = {"text": "It is sunny.", "again": {"text": CALL}}
    result = plain.chat(script, tools=[WEATHER], tool_choice="required", stream=stream)
    if stream:
        assert ": retry tool_choice\n" in result.text
        assert sum("tool_calls" in delta for delta in deltas(result)) == 2
        assert "sunny" not in result.text
        return
    found = choice(result)
    assert found["finish_reason"] == "tool_calls"
    assert found["message"]["tool_calls"][0]["function"]["name"] == "get_weather"
    assert result.headers["x-rkllm-warning"] == "retried: tool_choice"
    assert result.json["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("text", ["It is sunny.", CALL])
def test_a_demanded_call_that_does_not_come_or_is_wrong_is_an_error(plain: Api, text: str, stream: bool) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "integer"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": schema}}
    result = plain.chat({"text": text, "again": {"text": text}}, tools=[tool], tool_choice="required", stream=stream)
    error = chunks(result)[-1]["error"] if stream else result.json["error"]
    assert error["code"] == "invalid_answer"
    assert "sunny" not in result.text
    assert "tool_calls" not in result.text


def test_a_wrong_call_is_repaired(plain: Api) -> None:
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}
    wrong = CALL.replace('"Paris"', "5")
    assert wrong != CALL
    result = plain.chat({"text": wrong, "again": {"text": CALL}}, tools=[tool], tool_choice="required")
    (call,) = choice(result)["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}


@pytest.mark.parametrize("form", [SCHEMA, STRICT])
@pytest.mark.parametrize("text", ['{"city": 5}', '{"city": "a", "city": "b"}', 'So: {"city": "a"}'])
def test_an_answer_that_breaks_its_grammar_ends_in_an_error(api: Api, text: str, form: dict[str, Any]) -> None:
    streamed = chunks(api.chat({"text": text}, response_format=form, stream=True))
    assert streamed[-1]["error"]["code"] == "invalid_answer"
    assert not any(chunk["choices"][0]["finish_reason"] for chunk in streamed[:-1])
    assert api.chat({"text": text}, response_format=form).status_code == 502


def test_what_no_grammar_enforces_is_held_back_and_repaired(api: Api) -> None:
    form = {"type": "json_schema", "json_schema": {"schema": {**CITY, "not": {"required": ["town"]}}}}
    script = {"text": '{"city": "Rome", "town": 1}', "again": {"text": '{"city": "Rome"}'}}
    result = api.chat(script, response_format=form)
    assert choice(result)["message"]["content"] == '{"city": "Rome"}'
    assert result.headers["x-rkllm-warning"] == "retried: response_format"


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ({"type": "string", "minLength": 5, "maxLength": 2}, "'a' contradicts itself: minLength (5) is greater"),
        ({"type": "array", "minItems": 5, "maxItems": 2}, "'a' contradicts itself: minItems (5) is greater"),
        ({"type": "string", "pattern": "^a{5,2}$"}, "'a' contradicts itself: the pattern repeats {5,2}"),
    ],
)
@pytest.mark.parametrize("choice", ["auto", "required", None])
def test_a_memory_bomb_is_refused_wherever_it_stands(
    api: Api, bounds: dict[str, Any], told: str, choice: str | None
) -> None:
    schema = {"type": "object", "properties": {"a": bounds}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    result = api.chat("hi", **({"tools": [tool], "tool_choice": choice} if choice else {"response_format": form}))
    assert result.status_code == 400
    assert result.json["error"]["param"] == ("tools" if choice else "response_format")
    assert told in result.json["error"]["message"]


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"properties": {"a": {"pattern": "((a{100}){100}){10}"}}}, "100000 times"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "lead back to themselves"),
        (
            {"properties": {"a": {"allOf": [{"type": "integer"}, {"type": "string"}]}}, "required": ["a"]},
            "Unsatisfiable",
        ),
        ({"properties": {"a": {"type": "nope"}}}, "nope"),
    ],
)
@pytest.mark.parametrize("demanded", [True, False])
def test_a_schema_that_cannot_be_promised_is_refused_with_the_reason(
    api: Api, schema: dict[str, Any], told: str, demanded: bool
) -> None:
    schema = {"type": "object", **schema}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    result = api.chat("hi", **({"tools": [tool], "tool_choice": "required"} if demanded else {"response_format": form}))
    assert result.status_code == 400
    assert result.json["error"]["param"] == ("tools" if demanded else "response_format")
    assert told in result.json["error"]["message"]


def test_a_call_at_once_needs_no_second_time(plain: Api) -> None:
    result = plain.chat({"text": CALL}, tools=[WEATHER], tool_choice="required")
    assert choice(result)["finish_reason"] == "tool_calls"
    assert "x-rkllm-warning" not in result.headers


@pytest.mark.parametrize(
    "text", ['{"city": "Rome"}', 'Here:\n```json\n{"city": "Rome"}\n```\nBye', 'I say {"city": "Rome"}.']
)
@pytest.mark.parametrize("form", [SCHEMA, STRICT, {"type": "json_object"}])
def test_json_without_a_grammar_is_taken_out_and_checked(plain: Api, text: str, form: dict[str, Any]) -> None:
    result = plain.chat({"text": text}, response_format=form)
    assert choice(result)["message"]["content"] == '{"city": "Rome"}'
    assert "x-rkllm-warning" not in result.headers
    streamed = deltas(plain.chat({"text": text}, response_format=form, stream=True))
    assert "".join(delta.get("content") or "" for delta in streamed) == '{"city": "Rome"}'


def test_wrong_json_is_repaired_once(plain: Api) -> None:
    script = {"text": '{"city": 5}', "again": {"text": '{"city": "Rome"}'}}
    result = plain.chat(script, response_format=SCHEMA)
    assert choice(result)["message"]["content"] == '{"city": "Rome"}'
    assert result.headers["x-rkllm-warning"] == "retried: response_format"


def test_wrong_json_twice_is_a_refusal_where_it_is_strict(plain: Api) -> None:
    script = {"text": '{"city": 5}', "again": {"text": "no"}}
    message = choice(plain.chat(script, response_format=STRICT))["message"]
    assert message["content"] is None
    assert "3 attempts" in message["refusal"]
    streamed = deltas(plain.chat(script, response_format=STRICT, stream=True))
    assert [delta for delta in streamed if "refusal" in delta] == [{"refusal": message["refusal"]}]
    assert not any(delta.get("content") for delta in streamed)


@pytest.mark.parametrize("form", [SCHEMA, {"type": "json_object"}])
def test_wrong_json_twice_is_an_error_where_it_is_not(plain: Api, form: dict[str, Any]) -> None:
    script = {"text": "no", "again": {"text": "[]"}}
    result = plain.chat(script, response_format=form)
    assert result.status_code == 502
    assert result.json["error"]["code"] == "invalid_answer"
    assert chunks(plain.chat(script, response_format=form, stream=True))[-1]["error"]["code"] == "invalid_answer"


def test_json_that_max_tokens_cut_is_length(plain: Api) -> None:
    found = choice(plain.chat({"text": '{"a": ', "tokens": 9}, response_format=SCHEMA, max_tokens=2))
    assert (found["message"]["content"], found["finish_reason"]) == ('{"a": {"a": ', "length")


def test_a_call_needs_no_json_of_the_answers_form(plain: Api) -> None:
    found = choice(plain.chat({"text": CALL}, tools=[WEATHER], response_format=SCHEMA))
    assert found["finish_reason"] == "tool_calls"


def test_an_engine_error_in_the_second_attempt_is_one(plain: Api) -> None:
    script = {"text": "no", "again": {"fault": "error"}}
    assert plain.chat(script, response_format=SCHEMA).status_code == 502
    overflow = {"text": "no", "again": {"fault": "context", "phase": "prefill"}}
    assert plain.chat(overflow, response_format=SCHEMA).json["error"]["code"] == "invalid_answer"
