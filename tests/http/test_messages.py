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


def test_reasoning_is_a_block_of_its_own(api: Api) -> None:
    script = {"text": "<think>\nhm\n</think>\n\nyes"}
    assert ask(api, script).json["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "yes"},
    ]
    kinds = [
        (data["index"], data.get("content_block", data.get("delta", {})).get("type"))
        for name, data in frames(ask(api, script, stream=True))
        if name.startswith("content")
    ]
    assert kinds == [
        (0, "thinking"), (0, "thinking_delta"), (0, None), (1, "text"), (1, "text_delta"), (1, None),
    ]  # fmt: skip


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("script", "more", "reason", "stop", "text"),
    [
        ({"text": "abc", "tokens": 5}, {"stop_sequences": ["zz", "cab"]}, "stop_sequence", "cab", "ab"),
        ({"text": "a", "tokens": 5}, {"max_tokens": 3}, "max_tokens", None, "aaa"),
        ({"text": "a", "tokens": 2}, {"stop_sequences": ["zz"]}, "end_turn", None, "aa"),
        ({"tokens": 0}, {}, "end_turn", None, ""),
    ],
)
def test_why_it_ended(
    api: Api, stream: bool, script: Any, more: dict[str, Any], reason: str, stop: str | None, text: str
) -> None:
    result = ask(api, script, stream=stream, **more)
    if stream:
        events = frames(result)
        (end,) = [data["delta"] for name, data in events if name == "message_delta"]
        found = "".join(data["delta"]["text"] for name, data in events if name == "content_block_delta")
    else:
        end, (block,) = result.json, result.json["content"]
        found = block["text"]
    assert (end["stop_reason"], end["stop_sequence"], found) == (reason, stop, text)


def test_an_error_in_mid_stream_is_an_event_and_the_end(api: Api) -> None:
    *_, (name, data) = frames(ask(api, {"tokens": 3, "fault": "error", "at": 1}, stream=True))
    assert name == "error"
    assert data["error"] == {"type": "api_error", "message": "the fake engine failed on purpose"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"messages": [USER]}, "max_tokens"),
        ({"max_tokens": 5, "messages": []}, "messages"),
        ({"max_tokens": 5, "messages": [USER], "model": "none"}, "none"),
        ({"max_tokens": 5, "messages": [{"role": "tool", "content": "x"}]}, "role"),
        ({"max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "content[0]"),
        ({"max_tokens": 5, "messages": [{"role": "user", "content": "a\0"}]}, "NUL"),
        ({"max_tokens": 5, "messages": [USER], "system": [{"type": "image"}]}, "system[0]"),
        ({"max_tokens": 5, "messages": [USER], "tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0]"),
    ],
)
def test_errors_have_anthropics_shape(api: Api, body: Any, says: str) -> None:
    for path in ("/v1/messages", "/messages"):
        result = api.post(path, body)
        assert result.status_code == 404 if "model" in body else 400
        assert result.json["type"] == "error"
        assert result.json["error"]["type"] in ("invalid_request_error", "not_found_error")
        assert says in result.json["error"]["message"]


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "disabled"}, "metadata": {"user_id": "x"}, "service_tier": "auto"}, None),
        ({"output_config": {"effort": "low"}, "mcp_servers": [{"name": "x"}]}, "mcp_servers, output_config.effort"),
        ({"cache_control": {"type": "ephemeral"}}, None),
    ],
)
def test_what_has_no_effect_is_named_in_a_header(api: Api, more: dict[str, Any], names: str | None) -> None:
    result = ask(api, **more)
    assert result.status_code == 200
    assert result.headers.get("x-rkllm-warning") == (f"ignored: {names}; see docs/api.md" if names else None)


def test_the_headers_of_anthropics_clients_do_no_harm(api: Api) -> None:
    headers = {"anthropic-version": "2023-06-01", "x-api-key": "anything", "anthropic-beta": "x"}
    body = {"max_tokens": 9, "messages": [USER]}
    assert api.post("/v1/messages", body, headers=headers).status_code == 200


def test_a_prompt_is_counted_without_an_answer(api: Api) -> None:
    body = {"model": "fake", "messages": [USER], "system": "s"}
    assert api.post("/v1/messages/count_tokens", body).json == {"input_tokens": 20}
    refused = api.post("/v1/messages/count_tokens", {"messages": []})
    assert (refused.status_code, refused.json["type"]) == (400, "error")
