"""Tokens: what texts and chats become, and back; prompts that are tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.api.dialects.openai import requests
from services.api.operator.tokens import TokenizeRequest, chat_of
from tests.engines import write_fake_model
from tests.http.conftest import Api, chunks


def test_a_text_as_tokens(api: Api) -> None:
    result = api.post("/v1/tokenize", {"model": "fake", "prompt": "ab"})
    assert result.status_code == 200
    assert result.json == {"count": 3, "max_model_len": 4096, "tokens": [256, 97, 98], "token_strs": None}
    assert api.post("/tokenize", {"prompt": "ab"}).json == result.json


def test_without_special_tokens_and_with_their_texts(api: Api) -> None:
    body = {"prompt": "ab", "add_special_tokens": False, "return_token_strs": True}
    result = api.post("/v1/tokenize", body)
    assert (result.json["tokens"], result.json["token_strs"]) == ([97, 98], ["a", "b"])


def test_a_chat_as_tokens(api: Api) -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    assert api.post("/v1/tokenize", {"messages": messages}).json["tokens"] == [256, *b"s\nu"]


@pytest.mark.parametrize(
    ("path", "body", "more"),
    [
        ("/v1/tokenize", {"prompt": "a"}, {"content": "b", "parse_special": False}),
        ("/v1/detokenize", {"tokens": [97]}, {"skip_special_tokens": True}),
        ("/v1/embeddings", {"input": "a"}, {"instruction": "b", "prompt": "c"}),
        ("/v1/rerank", {"query": "a", "documents": ["b"]}, {"raw_scores": True, "top_k": 1}),
    ],
)
def test_what_such_a_path_does_not_do_is_named(
    make: Callable[..., Api], tmp_path: Path, path: str, body: dict[str, Any], more: dict[str, Any]
) -> None:
    write_fake_model(tmp_path, "fake", settings="capabilities: [embedding]\n")
    result = make().post(path, {"model": "fake", "add_special_tokens": True, "truncate": False, **body, **more})
    assert result.headers["x-rkllm-warning"] == f"ignored: {', '.join(more)}; see docs/api.md"
    assert result.status_code == 200


@pytest.mark.parametrize("switch", [{"enable_thinking": False}, {"reasoning_effort": "none"}])
def test_the_thinking_switch_of_a_chat_counts(switch: dict[str, Any]) -> None:
    request = msgspec.convert({"messages": [{"role": "user", "content": "u"}], **switch}, TokenizeRequest)
    assert requests.chat(chat_of(request)).thinking is False


def test_the_choice_among_tools_counts(api: Api) -> None:
    chat = {"messages": [{"role": "user", "content": "u"}]}
    tools = {**chat, "tools": [{"type": "function", "function": {"name": "f"}}]}
    alone, offered, none = (
        api.post("/v1/tokenize", body).json["count"] for body in (chat, tools, {**tools, "tool_choice": "none"})
    )
    assert alone == none < offered


def test_more_tokens_than_an_engine_hands_over_are_refused_and_it_goes_on(
    make: Callable[..., Api], tmp_path: Path
) -> None:
    write_fake_model(tmp_path, "fake", settings="context_length: 16384\n")
    api = make()
    assert api.post("/v1/tokenize", {"prompt": "a"}).status_code == 200
    engine = api.http.simulate_get("/health").json["engine_pid"]
    result = api.post("/v1/tokenize", {"prompt": "a" * 600_000})
    assert result.status_code == 400
    assert "Send fewer inputs" in result.json["error"]["message"]
    assert api.post("/v1/tokenize", {"prompt": "a"}).status_code == 200
    assert api.http.simulate_get("/health").json["engine_pid"] == engine


@pytest.mark.parametrize(
    ("path", "body", "names"),
    [
        ("/v1/tokenize", {"prompt": "😀" * (16 * 4096 + 1)}, "prompt"),
        ("/v1/tokenize", {"messages": [{"role": "user", "content": "a" * (64 * 4096 + 1)}]}, "messages"),
        ("/v1/detokenize", {"tokens": [97] * (64 * 4096 + 1)}, "tokens"),
    ],
)
def test_a_text_that_is_many_times_too_long_reaches_no_engine(
    make: Callable[..., Api], tmp_path: Path, path: str, body: dict[str, Any], names: str
) -> None:
    write_fake_model(tmp_path, "fake")
    api = make()
    result = api.post(path, body)
    assert (result.status_code, result.json["error"]["param"]) == (400, names)
    assert "bytes of text or tokens" in result.json["error"]["message"]
    assert api.app.service.scheduler.status().model is None


def test_tokens_as_text(api: Api) -> None:
    assert api.post("/v1/detokenize", {"tokens": [256, 97, 98]}).json == {"prompt": "ab"}
    assert api.post("/detokenize", {"model": "fake", "tokens": []}).json == {"prompt": ""}


@pytest.mark.parametrize(
    ("path", "body", "names"),
    [
        ("tokenize", {}, "prompt"),
        ("tokenize", {"prompt": "a", "messages": [{"role": "user", "content": "a"}]}, "prompt"),
        ("tokenize", {"messages": []}, "messages"),
        ("tokenize", {"prompt": "a\0b"}, "prompt"),
        (
            "tokenize",
            {"messages": [{"role": "user", "content": "a"}], "add_special_tokens": True},
            "add_special_tokens",
        ),
        ("tokenize", {"messages": [{"role": "user", "content": "a"}], "chat_template": "x"}, "chat_template"),
        ("detokenize", {}, "tokens"),
        ("detokenize", {"tokens": "a"}, "tokens"),
        ("detokenize", {"tokens": [-1]}, "tokens"),
        ("detokenize", {"tokens": [2**31]}, "tokens"),
        ("detokenize", {"tokens": [1000]}, "no such token"),
    ],
)
def test_what_is_refused(api: Api, path: str, body: Any, names: str) -> None:
    result = api.post(f"/v1/{path}", body)
    assert result.status_code == 400
    assert names in result.text
    assert api.post("/v1/tokenize", {"prompt": "a"}).status_code == 200


def test_an_engine_that_dies_is_a_502(api: Api) -> None:
    messages = [{"role": "user", "content": json.dumps({"fault": "exit", "phase": "prefill"})}]
    assert api.post("/v1/tokenize", {"messages": messages}).status_code == 502
    assert api.post("/v1/tokenize", {"prompt": "a"}).status_code == 200


@pytest.mark.parametrize(
    ("prompt", "answers"),
    [
        (list(b"ab"), ["You said: ab"]),
        ([list(b"ab"), list(b"c")], ["You said: ab", "You said: c"]),
        (["ab", list(b"c")], ["You said: ab", "You said: c"]),
    ],
)
def test_prompts_of_tokens(api: Api, prompt: Any, answers: list[str]) -> None:
    assert [choice["text"] for choice in api.text(prompt).json["choices"]] == answers
    echoed = [choice["text"] for choice in api.text(prompt, echo=True).json["choices"]]
    assert echoed == [f"{answer.removeprefix('You said: ')}{answer}" for answer in answers]


def test_an_echo_of_tokens_streams(api: Api) -> None:
    events = chunks(api.text(list(b"ab"), echo=True, stream=True))[:-1]
    assert "".join(event["choices"][0]["text"] for event in events) == "abYou said: ab"


def test_an_echo_with_logprobs_covers_the_prompt(api: Api) -> None:
    for prompt in ("abc", list(b"abc")):
        (choice,) = api.text(prompt, echo=True, logprobs=1).json["choices"]
        assert choice["text"] == "abcYou said: abc"
        assert choice["logprobs"] == {
            "tokens": ["a", "b", "c"],
            "token_logprobs": [None, -1.0, -2.0],
            "top_logprobs": [None, {"A": -0.1, "b": -1.0}, {"A": -0.1, "c": -2.0}],
            "text_offset": [0, 1, 2],
        }


def test_an_echo_with_logprobs_streams_them_with_the_prompt(api: Api) -> None:
    first, *_ = chunks(api.text("ab", echo=True, logprobs=0, stream=True))
    assert first["choices"][0]["logprobs"] == {
        "tokens": ["a", "b"],
        "token_logprobs": [None, -1.0],
        "top_logprobs": [None, {"b": -1.0}],
        "text_offset": [0, 1],
    }


def test_an_engine_without_scores_refuses_an_echo_with_logprobs(plain: Api) -> None:
    error = plain.text("ab", echo=True, logprobs=1)
    assert (error.status_code, error.json["error"]["param"]) == (400, "echo")
    assert plain.text("ab", echo=True).status_code == 200


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("prompt", ["ab", [256, 97, 98]])
def test_no_token_is_the_echo_alone(api: Api, prompt: Any, stream: bool) -> None:
    more = {"max_tokens": 0, "n": 2, "seed": 1, "grammar": "x", "stream": stream}
    result = api.text(prompt, echo=True, stream_options={"include_usage": True}, **more)
    bodies = chunks(result)[:-1] if stream else [result.json]
    choices = [choice for body in bodies for choice in body["choices"]]
    assert "".join(choice["text"] for choice in choices) == "abab"
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["length"] * 2
    assert bodies[-1]["usage"] | {"prompt_tokens_details": None} == {
        "prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3, "prompt_tokens_details": None,
    }  # fmt: skip
    assert result.headers["x-rkllm-warning"] == "ignored: grammar; see docs/api.md"


@pytest.mark.parametrize("prompt", [[], [[]], ["a", 1], [1, [2]], [-1], [2**40], [1.5], [1000]])
def test_prompts_that_are_none(api: Api, prompt: Any) -> None:
    for more in ({}, {"echo": True, "logprobs": 1}):
        result = api.text(prompt, **more)
        assert result.status_code == 400
        assert result.json["error"]["message"]


def test_data_leaves_the_figures_of_answers_alone(api: Api) -> None:
    sizes = 'rkllm_request_prompt_tokens_count{model="fake"}'
    assert api.post("/v1/tokenize", {"prompt": "ab"}).status_code == 200
    page = api.http.simulate_get("/metrics").text
    assert 'rkllm_requests_total{endpoint="/v1/tokenize",finished_reason="stop",model="fake",status="200"} 1.0' in page
    assert sizes not in page
    api.chat()
    assert f"{sizes} 1.0" in api.http.simulate_get("/metrics").text
