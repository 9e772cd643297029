"""Chats: shapes, streams, parameters, reasoning."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engines import write_fake_model
from tests.gguf_file import write_gguf
from tests.http.conftest import Api, chunks


def content(result: Any) -> str:
    return str(result.json["choices"][0]["message"]["content"])


def test_a_whole_answer(api: Api) -> None:
    result = api.chat("hello", model="fake")
    assert result.status_code == 200
    body = result.json
    assert re.fullmatch(r"chatcmpl-\w+", body["id"])
    assert body["object"] == "chat.completion"
    assert body["model"] == "fake"
    assert body["system_fingerprint"].startswith("fp_")
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "You said: hello", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert body["usage"] == {
        "prompt_tokens": 20,
        "completion_tokens": 1,
        "total_tokens": 21,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def test_a_stream(api: Api) -> None:
    result = api.chat({"text": "ab", "tokens": 2}, stream=True, stream_options={"include_usage": True})
    assert result.headers["content-type"].startswith("text/event-stream")
    assert result.headers["cache-control"] == "no-store"
    *events, usage, end = chunks(result)
    assert end is None
    assert [event["choices"][0]["delta"] for event in events] == [
        {"role": "assistant", "content": ""},
        {"content": "ab"},
        {"content": "ab"},
        {},
    ]
    assert [event["choices"][0]["finish_reason"] for event in events] == [None, None, None, "stop"]
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert len({(event["id"], event["created"], event["model"]) for event in [*events, usage]}) == 1
    assert all(event["usage"] is None for event in events)
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 2


def test_a_stream_without_usage_has_none(api: Api) -> None:
    assert not any(event and "usage" in event for event in chunks(api.chat(stream=True)))


def test_paths_without_the_version_are_the_same(api: Api) -> None:
    body = {"messages": [{"role": "user", "content": "x"}]}
    assert api.post("/chat/completions", body).json["choices"] == api.chat("x").json["choices"]
    assert api.http.simulate_get("/models").json == api.http.simulate_get("/v1/models").json


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_max_tokens_is_length(api: Api, field: str) -> None:
    body = api.chat({"text": "a", "tokens": 9}, **{field: 3}).json
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("stream", [True, False])
def test_no_token_is_an_empty_answer_with_a_count(api: Api, stream: bool) -> None:
    result = api.chat({"prefill_steps": 3}, max_tokens=0, stream=stream, stream_options={"include_usage": True})
    bodies = chunks(result)[:-1] if stream else [result.json]
    assert [c["finish_reason"] for body in bodies for c in body["choices"] if c["finish_reason"]] == ["length"]
    assert (bodies[-1]["usage"]["prompt_tokens"], bodies[-1]["usage"]["completion_tokens"]) == (30, 0)
    wrong = {"type": "json_schema", "json_schema": {"schema": {"type": "nope"}}}
    assert api.chat(max_tokens=0, response_format=wrong).status_code == 400


def test_max_completion_tokens_wins(api: Api) -> None:
    answer = api.chat({"text": "a", "tokens": 9}, max_tokens=8, max_completion_tokens=2)
    assert answer.json["usage"]["completion_tokens"] == 2


def test_a_stop_string_across_tokens(api: Api) -> None:
    for stop in ("cab", ["zzz", "cab"], ["", "cab"]):
        result = api.chat({"text": "abc", "tokens": 5}, stop=stop)
        assert content(result) == "ab"
        assert result.json["choices"][0]["finish_reason"] == "stop"
    events = chunks(api.chat({"text": "abc", "tokens": 5}, stop="cab", stream=True))[:-1]
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == "ab"


def test_n_choices_one_after_the_other(api: Api) -> None:
    body = api.chat({"text": "a"}, n=3, seed=1).json
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert body["usage"]["completion_tokens"] == 3
    events = chunks(api.chat({"text": "a"}, n=2, stream=True))[:-1]
    assert [event["choices"][0]["index"] for event in events] == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("stream", [True, False])
def test_a_prompt_counts_once_however_many_choices_it_has(api: Api, stream: bool) -> None:
    def usage(prompt: list[str], **more: Any) -> Any:
        result = api.text(prompt, stream=stream, stream_options={"include_usage": True}, **more)
        return (chunks(result)[-2] if stream else result.json)["usage"]

    one, several = usage(["a", "bb"]), usage(["a", "bb"], n=3)
    assert several["prompt_tokens"] == one["prompt_tokens"] > 0
    assert several["completion_tokens"] == 3 * one["completion_tokens"]


def test_reasoning_has_a_field_of_its_own(api: Api) -> None:
    script = {"text": "<think>\nhm\n</think>\n\nyes"}
    message = api.chat(script).json["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("hm", "yes")
    deltas = [event["choices"][0]["delta"] for event in chunks(api.chat(script, stream=True))[:-1]]
    assert deltas == [{"role": "assistant", "content": ""}, {"reasoning_content": "hm"}, {"content": "yes"}, {}]


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"tools": [], "tool_choice": "auto", "store": False, "user": "me", "metadata": {"a": "b"}}, None),
        ({"store": True, "verbosity": "low"}, "store, verbosity"),
        ({"modalities": ["text", "audio"], "audio": {"voice": "x"}}, "modalities, audio"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"some_future_field": {"x": 1}}, None),
        ({"guided_regex": "a", "tools": [{"type": "web_search"}]}, "guided_regex, tools of the type web_search"),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]},
                    {"role": "user", "content": "x"},
                ]
            },
            "arguments of an earlier call",
        ),
    ],
)
def test_what_has_no_effect_is_named_in_a_header(api: Api, more: dict[str, Any], names: str | None) -> None:
    result = api.chat(**more)
    assert result.status_code == 200
    warning = result.headers.get("x-rkllm-warning")
    assert warning == (f"ignored: {names}; see docs/api.md" if names else None)


def test_content_parts_are_text(api: Api) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]
    body = {"messages": [{"role": "user", "content": parts}]}
    assert content(api.post("/v1/chat/completions", body)) == "You said: a\nb"


def test_every_role_is_taken(api: Api) -> None:
    messages = [
        {"role": "developer", "content": "d"},
        {"role": "user", "content": "u"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "t", "tool_call_id": "1"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "last"},
    ]
    assert content(api.post("/v1/chat/completions", {"messages": messages})) == "You said: last"


def test_a_prompt_over_the_context_is_a_400_with_both_numbers(api: Api) -> None:
    error = api.chat({"fault": "context", "phase": "prefill"}, stream=True)
    assert error.status_code == 400
    assert error.json["error"]["code"] == "context_length_exceeded"
    assert "5000" in error.json["error"]["message"]
    assert "4096" in error.json["error"]["message"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/chat/completions", "messages"),
        ("/v1/completions", "prompt"),
        ("/v1/responses", "input"),
        ("/v1/responses/input_tokens", "input"),
    ],
)
def test_the_field_that_is_too_long_has_the_name_of_its_path(
    make: Callable[..., Api], tmp_path: Path, path: str, field: str
) -> None:
    write_fake_model(tmp_path, "fake", settings="context_length: 512\n")
    text = "a" * 40_000
    result = make().post(path, {field: [{"role": "user", "content": text}] if field == "messages" else text})
    assert (result.status_code, result.json["error"]["param"]) == (400, field)


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/chat/completions", {"reasoning_effort": "high"}),
        ("/v1/chat/completions", {"enable_thinking": True}),
        ("/v1/responses", {"input": "x", "reasoning": {"effort": "low"}}),
        ("/v1/messages", {"max_tokens": 5, "thinking": {"type": "enabled"}}),
        ("/api/chat", {"stream": False, "think": True}),
    ],
)
def test_thinking_that_the_model_does_not_know_is_named(
    make: Callable[..., Api], tmp_path: Path, path: str, more: dict[str, Any]
) -> None:
    for name, template in (("plain", "{{ messages }}"), ("thinker", "{% if enable_thinking %}")):
        folder = write_fake_model(tmp_path, name)
        write_gguf(
            folder / f"{name}.gguf",
            {"general.architecture": "fake", "fake.context_length": 4096, "tokenizer.chat_template": template},
        )
    api = make()
    body = {"messages": [{"role": "user", "content": "x"}], **more}
    body = {name: value for name, value in body.items() if name != "messages" or "input" not in body}
    warning = api.post(path, {**body, "model": "plain"}).headers["x-rkllm-warning"]
    assert warning == "ignored: thinking (this model does not think); see docs/api.md"
    assert "x-rkllm-warning" not in api.post(path, {**body, "model": "thinker"}).headers


def test_an_engine_error_before_the_first_byte_is_a_status(api: Api) -> None:
    result = api.chat({"fault": "exit", "phase": "prefill"}, stream=True)
    assert result.status_code == 502
    assert "exit code 3" in result.json["error"]["message"]


def test_an_engine_error_after_the_first_byte_is_an_event(api: Api) -> None:
    *_, last = chunks(api.chat({"fault": "exit", "tokens": 3, "at": 1}, stream=True))
    assert last["error"]["code"] == "engine_failed"


def test_the_model_may_be_left_out_where_there_is_one(api: Api, tmp_path: Path) -> None:
    assert api.chat().status_code == 200
    write_fake_model(tmp_path, "other")
    assert api.chat().status_code == 400
    assert api.chat(model="other").status_code == 200


def test_a_default_model(make: Callable[..., Api], tmp_path: Path) -> None:
    write_fake_model(tmp_path, "a")
    write_fake_model(tmp_path, "b")
    assert make(default_model="b").chat().json["model"] == "b"


def test_what_a_model_yaml_says_reaches_the_engine(api: Api, tmp_path: Path) -> None:
    (tmp_path / "fake" / "model.yaml").write_text("{sampling: {max_tokens: 2}, capabilities: [chat]}")
    assert api.chat({"text": "a", "tokens": 9}).json["usage"]["completion_tokens"] == 2
    refused = api.text()
    assert refused.status_code == 400
    assert "completion" in refused.json["error"]["message"]


def test_a_request_id_is_kept_or_made(api: Api) -> None:
    given = api.chat(model="fake")
    assert re.fullmatch(r"[0-9a-f]{24}", given.headers["x-request-id"])
    body = json.dumps({"messages": [{"role": "user", "content": "x"}]})
    result = api.http.simulate_post("/v1/chat/completions", body=body, headers={"X-Request-Id": "my-id.1"})
    assert result.headers["x-request-id"] == "my-id.1"
    assert result.json["id"] == "chatcmpl-my-id.1"


def test_no_prompt_and_no_answer_is_logged_above_debug(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        api.chat("my secret question")
        api.chat({"text": "my secret answer", "fault": "error", "tokens": 2})
    assert caplog.records
    assert "secret" not in caplog.text


def test_calls_without_results_at_the_end_are_left_out_and_named(api: Api) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    result = api.post("/v1/chat/completions", {"messages": messages})
    assert result.json["choices"][0]["message"]["content"] == "You said: hello"
    assert "tool_calls of the last message" in result.headers["X-RKLLM-Warning"]
