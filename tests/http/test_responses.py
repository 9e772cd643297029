"""The Responses API over HTTP: statuses, headers, streams."""

from __future__ import annotations

import json
from typing import Any

import falcon.testing
import pytest

from tests.http.conftest import Api, chunks


def ask(api: Api, script: object = "hello", **more: Any) -> falcon.testing.Result:
    text = script if isinstance(script, str) else json.dumps(script)
    return api.post("/v1/responses", {"input": text, **more})


def test_a_whole_answer(api: Api) -> None:
    body = ask(api, model="fake").json
    assert body["id"].startswith("resp_")
    assert (body["object"], body["status"], body["model"]) == ("response", "completed", "fake")
    (item,) = body["output"]
    assert (item["type"], item["role"], item["content"][0]["text"]) == ("message", "assistant", "You said: hello")
    assert body["usage"]["input_tokens"] == 20
    assert api.post("/responses", {"input": "hello"}).json["output"][0]["content"] == item["content"]


def test_a_stream(api: Api) -> None:
    result = ask(api, {"text": "<think>hm</think>yes"}, stream=True)
    assert result.headers["content-type"].startswith("text/event-stream")
    events = chunks(result)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["reasoning", "message"]


def test_a_limit_makes_it_incomplete(api: Api) -> None:
    body = ask(api, {"text": "a", "tokens": 9}, max_output_tokens=3).json
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert body["output"][0]["content"][0]["text"] == "aaa"


def test_an_error_before_the_first_event_is_a_status(api: Api) -> None:
    result = ask(api, model="none", stream=True)
    assert (result.status_code, result.json["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "x", "tools": [{"type": "function"}]}, "tools[0]"),
        ({"input": [{"type": "reasoning"}]}, '"param":"input"'),
    ],
)
def test_what_is_refused(api: Api, body: Any, param: str) -> None:
    result = api.post("/v1/responses", body)
    assert result.status_code == 400
    assert param in result.text


def test_what_has_no_effect_is_named_in_a_header(api: Api) -> None:
    result = ask(api, store=True, truncation="auto")
    assert result.headers["x-rkllm-warning"] == "ignored: store, truncation; see docs/api.md"
    assert result.json["store"] is False
    assert "x-rkllm-warning" not in ask(api, metadata={"a": "b"}).headers
    counted = api.post("/v1/responses/input_tokens", {"input": "x", "messages": [1]})
    assert counted.headers["x-rkllm-warning"] == "ignored: messages; see docs/api.md"
