"""Anthropic's API: shapes, streams, parameters."""

from __future__ import annotations

import json
from typing import Any

import falcon.testing
import pytest

from tests.http.conftest import Api

USER = {"role": "user", "content": "hello"}


def ask(api: Api, script: object = "hello", **more: Any) -> falcon.testing.Result:
    text = script if isinstance(script, str) else json.dumps(script)
    return api.post("/v1/messages", {"max_tokens": 100, "messages": [{"role": "user", "content": text}], **more})


def frames(result: falcon.testing.Result) -> list[tuple[str, Any]]:
    """The named events of a stream."""
    found = []
    for block in result.text.split("\n\n")[:-1]:
        name, data = [line for line in block.splitlines() if not line.startswith(":")]
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    assert all(name == data["type"] for name, data in found)
    return found


def test_a_whole_answer(api: Api) -> None:
    result = ask(api, model="fake")
    assert result.status_code == 200
    body = result.json
    assert body.pop("id").startswith("msg_")
    assert body == {
        "type": "message",
        "role": "assistant",
        "model": "fake",
        "content": [{"type": "text", "text": "You said: hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 20,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 1,
        },
    }


def test_a_stream(api: Api) -> None:
    result = ask(api, {"text": "ab", "tokens": 2}, stream=True)
    assert result.headers["content-type"].startswith("text/event-stream")
    events = [event for event in frames(result) if event[0] != "ping"]
    (_, start), *rest = events
    assert start["message"]["content"] == []
    assert start["message"]["stop_reason"] is None
    assert [data for _, data in rest] == [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ab"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ab"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {
                "input_tokens": 20,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 2,
            },
        },
        {"type": "message_stop"},
    ]


@pytest.mark.parametrize(
    ("script", "more", "reason", "stop", "text"),
    [
        ({"text": "abc", "tokens": 5}, {"stop_sequences": ["zz", "cab"]}, "stop_sequence", "cab", "ab"),
        ({"text": "a", "tokens": 5}, {"max_tokens": 3}, "max_tokens", None, "aaa"),
    ],
)
def test_what_ends_an_answer_reaches_the_engine(
    api: Api, script: Any, more: dict[str, Any], reason: str, stop: str | None, text: str
) -> None:
    body = ask(api, script, **more).json
    assert (body["stop_reason"], body["stop_sequence"], body["content"][0]["text"]) == (reason, stop, text)


def test_an_error_before_the_first_event_is_a_status(api: Api) -> None:
    result = ask(api, {"fault": "exit", "phase": "prefill"}, stream=True)
    assert (result.status_code, result.json["error"]["type"]) == (502, "api_error")


@pytest.mark.parametrize(
    ("body", "status", "kind", "says"),
    [
        ({"messages": [USER]}, 400, "invalid_request_error", "max_tokens"),
        ({"max_tokens": 5, "messages": [USER], "model": "none"}, 404, "not_found_error", "none"),
        ({"max_tokens": 5, "messages": [{"role": "user", "content": "a\0"}]}, 400, "invalid_request_error", "NUL"),
    ],
)
def test_errors_have_anthropics_shape(api: Api, body: Any, status: int, kind: str, says: str) -> None:
    for path in ("/v1/messages", "/messages"):
        result = api.post(path, body)
        assert (result.status_code, result.json["type"], result.json["error"]["type"]) == (status, "error", kind)
        assert says in result.json["error"]["message"]


def test_what_has_no_effect_is_named_in_a_header(api: Api) -> None:
    result = ask(api, output_config={"effort": "low"}, mcp_servers=[{"name": "x"}])
    assert result.headers["x-rkllm-warning"] == "ignored: mcp_servers, output_config.effort; see docs/api.md"
    assert "x-rkllm-warning" not in ask(api).headers


def test_the_headers_of_anthropics_clients_do_no_harm(api: Api) -> None:
    headers = {"anthropic-version": "2023-06-01", "x-api-key": "anything", "anthropic-beta": "x"}
    body = {"max_tokens": 9, "messages": [USER]}
    assert api.post("/v1/messages", body, headers=headers).status_code == 200


def test_a_prompt_is_counted_without_an_answer(api: Api) -> None:
    body = {"model": "fake", "messages": [USER], "system": "s"}
    assert api.post("/v1/messages/count_tokens", body).json == {"input_tokens": 20}
    warned = api.post(
        "/v1/messages/count_tokens", {**body, "max_tokens": 5, "stop_sequences": ["x"], "tool": 1, "n": 2}
    )
    assert warned.headers["x-rkllm-warning"] == "ignored: n; see docs/api.md"
    refused = api.post("/v1/messages/count_tokens", {"messages": []})
    assert (refused.status_code, refused.json["type"]) == (400, "error")
