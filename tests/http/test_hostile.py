"""Bodies nobody should send: always JSON, always 4xx, and the server goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.api.dialects.ollama import types as ollama
from services.api.dialects.openai.types import ChatRequest, CompletionRequest
from tests.engines import write_fake_model
from tests.http.conftest import Api

GOOD: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}]}
WRONG: list[Any] = [5, -1, 1.5, True, "text", "", [], [None], [5], {}, {"a": 1}, [[[]]], 10**40]

OLLAMA: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "/api/chat": (ollama.ChatRequest, {**GOOD, "stream": False}),
    "/api/generate": (ollama.GenerateRequest, {"prompt": "x", "stream": False}),
    "/api/show": (ollama.NamedRequest, {"model": "fake"}),
    "/api/pull": (ollama.NamedRequest, {"model": "fake", "stream": False}),
    "/api/embed": (ollama.EmbedRequest, {"input": []}),
    "/api/embeddings": (ollama.EmbeddingsRequest, {}),
}
"""What each path takes, and a body that is good."""

OLLAMA_FIELDS = [(path, field) for path, (kind, _) in OLLAMA.items() for field in kind.__struct_fields__]
OLLAMA_ANYTHING = {"width", "height", "steps"}


def refused(result: Any) -> None:
    assert 400 <= result.status_code < 500, result.text
    error = result.json["error"]
    assert error if isinstance(error, str) else error["message"]
    assert result.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("field", ChatRequest.__struct_fields__)
def test_a_wrong_type_at_every_chat_field(api: Api, field: str) -> None:
    results = [api.post("/v1/chat/completions", {**GOOD, field: value}) for value in WRONG]
    assert all(result.status_code < 500 for result in results)
    bad = [result for result in results if result.status_code != 200]
    assert bad
    for result in bad:
        refused(result)
        assert field in result.text


@pytest.mark.parametrize("field", CompletionRequest.__struct_fields__)
def test_a_wrong_type_at_every_text_field(api: Api, field: str) -> None:
    results = [api.text(**{"prompt": "x", field: value}) for value in WRONG]
    assert all(result.status_code < 500 for result in results)
    for result in [result for result in results if result.status_code != 200]:
        refused(result)


@pytest.mark.parametrize(("path", "field"), OLLAMA_FIELDS)
def test_a_wrong_type_at_every_field_of_ollamas(api: Api, path: str, field: str) -> None:
    results = [api.post(path, {**OLLAMA[path][1], field: value}) for value in WRONG]
    bad = [result for result in results if result.status_code != 200]
    assert bad or field in OLLAMA_ANYTHING
    for result in bad:
        refused(result)
        assert field in result.text or result.status_code == 404 or "'embedding'" in result.text


@pytest.mark.parametrize("field", ollama.Options.__struct_fields__)
def test_a_wrong_type_at_every_option_of_ollamas(api: Api, field: str) -> None:
    results = [api.post("/api/chat", {**GOOD, "stream": False, "options": {field: value}}) for value in WRONG]
    for result in results:
        if result.status_code != 200:
            refused(result)
            assert field in result.text


@pytest.mark.parametrize(
    "messages",
    [
        "hello",
        [5],
        [{}],
        [{"role": "user", "content": 5}],
        [{"role": "king", "content": "x"}],
        [{"role": "user", "content": "a\u0000b"}],
        [{"role": "user", "content": "x", "images": ["AAAA"]}],
        [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}],
        [{"role": "assistant", "tool_calls": [{}]}],
    ],
)
def test_wrong_messages_of_ollamas(api: Api, messages: object) -> None:
    refused(api.post("/api/chat", {"messages": messages}))


@pytest.mark.parametrize("path", OLLAMA)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"model": "\\ud800"}',
        b'{"messages": [{"role": "user", "content": "\\ud800"}], "prompt": "\\ud800", "model": "\\udfff"}',
        b'{"options": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
        b'{"model": ' + b"[" * 40_000,
        b'{"keep_alive": NaN}',
        b"x" * 100_001,
    ],
)
def test_wrong_bytes_at_ollamas(api: Api, path: str, body: bytes) -> None:
    result = api.post(path, body)
    refused(result)
    assert isinstance(result.json["error"], str)


@pytest.mark.parametrize("path", OLLAMA)
@pytest.mark.parametrize("name", ["../../etc/passwd", "..", ":", ":latest", "a:b:c", "x" * 5000, "\u202e", "a\nb"])
def test_odd_model_names_are_unknown_to_ollamas(api: Api, path: str, name: str) -> None:
    result = api.post(path, {**OLLAMA[path][1], "model": name})
    refused(result)
    assert result.status_code == 404


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/../etc", "/api/blobs"])
def test_unknown_paths_of_ollamas(api: Api, path: str) -> None:
    result = api.http.simulate_get(path)
    refused(result)
    assert result.status_code == 404


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        "hello",
        [5],
        [{}],
        [{"role": "user"}],
        [{"role": "king", "content": "x"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": [5]}],
        [{"role": "user", "content": [{"type": "text"}]}],
        [{"role": "user", "content": [{"type": "text", "text": 5}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}],
        [{"role": "user", "content": "a\u0000b"}],
        [{"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}],
    ],
)
def test_wrong_messages(api: Api, messages: object) -> None:
    refused(api.post("/v1/chat/completions", {"messages": messages}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"5",
        b"[]",
        b"\xff\xfe",
        b'{"messages": [{"role": "user", "content": "\xff"}]}',
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"messages": [{"role": "user", "content": "a\\u0000b"}]}',
        b'{"messages": ' + b"[" * 40_000,
        b'{"chat_template_kwargs": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
        b'{"messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
        b'{"messages": [{"role": "user", "content": "x"}], "temperature": 1e999}',
        b"x" * 90_000,
    ],
)
def test_wrong_bytes(api: Api, body: bytes) -> None:
    refused(api.post("/v1/chat/completions", body))


MANY: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}] * 4097}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}] * 4097}]}),
    ("/v1/responses", {"input": [{"role": "user", "content": "x"}] * 4097}),
    ("/v1/messages", {"max_tokens": 5, "messages": [{"role": "user", "content": "x"}] * 4097}),
    ("/v1/tokenize", {"messages": [{"role": "user", "content": "x"}] * 4097}),
    ("/api/chat", {"stream": False, "messages": [{"role": "user", "content": "x"}] * 4097}),
]


@pytest.mark.parametrize(("path", "body"), MANY)
def test_more_messages_than_any_context_holds(make: Callable[..., Api], path: str, body: dict[str, Any]) -> None:
    result = make().post(path, body)
    refused(result)
    assert "4096" in result.text


def test_a_body_over_the_limit_is_a_413(api: Api) -> None:
    result = api.post("/v1/chat/completions", b"x" * 100_001)
    refused(result)
    assert result.status_code == 413


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "a/b", "%2e%2e%2f", "x" * 5000, "\u202e", "a\nb"])
def test_odd_model_names_are_unknown(api: Api, name: str) -> None:
    result = api.chat(model=name)
    refused(result)
    assert result.status_code == 404


def test_unknown_paths_and_methods_are_json(api: Api) -> None:
    for result in (api.http.simulate_get("/nothing"), api.http.simulate_get("/v1/models/..%2f..%2fetc")):
        refused(result)
        assert result.status_code == 404
    result = api.http.simulate_get("/v1/chat/completions")
    refused(result)
    assert result.status_code == 405


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(ChatRequest.__struct_fields__), value=JSON)
def test_no_value_of_a_field_is_a_5xx(api: Api, field: str, value: Any) -> None:
    result = api.post("/v1/chat/completions", json.dumps({**GOOD, field: value}).encode())
    assert result.status_code < 500, result.text
    assert result.content


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(OLLAMA_FIELDS), value=JSON)
def test_no_value_of_a_field_of_ollamas_is_a_5xx(api: Api, place: tuple[str, str], value: Any) -> None:
    path, field = place
    result = api.post(path, json.dumps({**OLLAMA[path][1], field: value}).encode())
    assert result.status_code < 500, result.text
    assert all(json.loads(line) for line in result.text.splitlines())


DEEP: dict[str, Any] = {}
for _ in range(300):
    DEEP = {"properties": {"a": DEEP}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nope"},
        {"$ref": "#/nowhere"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$schema": "http://127.0.0.1:1/meta.json"},
        {"pattern": "[a-"},
        {"pattern": "(a{1000}){1000}"},
        {"properties": 5},
        {"required": "all"},
        DEEP,
    ],
)
def test_schemas_that_are_none(api: Api, schema: dict[str, Any]) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    result = api.post("/v1/chat/completions", {**GOOD, "response_format": form})
    refused(result)
    assert "response_format" in result.json["error"]["message"] or "nested" in result.json["error"]["message"]


def test_a_schema_that_holds_the_engine(make: Callable[..., Api], tmp_path: Path) -> None:
    write_fake_model(tmp_path, "fake")
    wide = {"properties": {f"p{number}": {"type": "string"} for number in range(10_000)}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": wide}}
    result = make().post("/v1/chat/completions", {**GOOD, "response_format": form})
    refused(result)
    assert "more than 10000 values" in result.json["error"]["message"]


@pytest.mark.parametrize(
    "function",
    [
        {},
        {"name": ""},
        {"name": "a b"},
        {"name": "x" * 129},
        {"name": "f", "description": "a\0b"},
        {"name": "f", "parameters": []},
        {"name": "f", "parameters": {"properties": {"a\0b": {}}}},
        {"name": "f", "parameters": {"enum": ["a\0b"]}},
    ],
)
def test_functions_that_are_none(api: Api, function: dict[str, Any]) -> None:
    refused(api.post("/v1/chat/completions", {**GOOD, "tools": [{"type": "function", "function": function}]}))


@pytest.mark.parametrize(
    "parameters",
    [
        DEEP,
        {"properties": [1], "required": 5, "anyOf": 3},
        {"properties": {"a": 5, "b": {"enum": 5}, "c": {"type": ["x", 5]}, "d": {"anyOf": [1]}, "e": {"items": 2}}},
        {"properties": {"a": {"type": "array", "items": {"type": "array", "items": {}}}}, "required": [[]]},
    ],
)
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_parameters_that_mean_nothing_do_no_harm(api: Api, parameters: dict[str, Any], choice: str) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
    result = api.post("/v1/chat/completions", {**GOOD, "tools": tools, "tool_choice": choice})
    assert result.status_code < 500, result.text
