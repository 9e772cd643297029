"""Send malformed bodies to every endpoint of every dialect: the answer is JSON with a 4xx status."""

from __future__ import annotations

import json
from typing import Any

import falcon.testing
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.api.dialects.ollama.types import OllamaOptions
from services.api.dialects.table import dialect_of
from tests.http.bodies import BODIES, CHAT, OPERATIONS, POSTS, good
from tests.http.conftest import LIMIT, Api


def any_type(path: str) -> tuple[str, ...]:
    """Return the fields without effect, which accept values of every type."""
    known = msgspec.structs.fields(OPERATIONS["POST", path].request)
    return tuple(field.name for field in known if field.type is Any)


def fields(path: str) -> tuple[str, ...]:
    """Return the fields that `path` knows."""
    found: tuple[str, ...] = OPERATIONS["POST", path].request.__struct_fields__
    return found


each_endpoint = pytest.mark.parametrize("path", POSTS)


@pytest.fixture(scope="module")
def api(able: Api) -> Api:
    """Return one application for all tests, so a body that breaks it makes the next test fail."""
    return able


def refused(result: falcon.testing.Result, why: str = "") -> None:
    """Check that `result` is a 4xx error as JSON; a failure shows `why`."""
    assert 400 <= result.status_code < 500, f"{why}: {result.text[:300]}"
    assert result.headers["content-type"].startswith("application/json")
    error = result.json["error"]
    assert error if isinstance(error, str) else error["message"]


def check_types(api: Api, path: str, fields: dict[str, list[dict[str, Any]]], taken: tuple[str, ...]) -> None:
    """Send the bodies of each field. Check that none is a 5xx, at least one is a 4xx, and each 4xx names the field."""
    for field, bodies in fields.items():
        results = [(body, api.post(path, body)) for body in bodies]
        bad = [(body, result) for body, result in results if result.status_code != 200]
        assert bad or field in taken, f"{field}: every value is taken"
        for body, result in bad:
            refused(result, field)
            assert field in result.text or result.status_code == 404, f"{field} is not named: {body}: {result.text}"


def test_every_body_is_that_of_a_path() -> None:
    assert set(BODIES) == set(POSTS)


@each_endpoint
def test_the_good_body_is_good(api: Api, path: str) -> None:
    assert api.post(path, good(path)).status_code == 200


WRONG: list[Any] = [5, -1, 1.5, True, "text", "", [], [None], [5], {}, {"a": 1}, [[[]]], 10**40, ["\0"], ["a", 1]]


@each_endpoint
def test_a_wrong_type_at_every_field(api: Api, path: str) -> None:
    bodies = {field: [{**good(path), field: value} for value in WRONG] for field in fields(path)}
    check_types(api, path, bodies, any_type(path))


def test_a_wrong_type_at_every_option_of_ollamas(api: Api) -> None:
    options = OllamaOptions.__struct_fields__
    bodies = {option: [{**good("/api/chat"), "options": {option: value}} for value in WRONG] for option in options}
    check_types(api, "/api/chat", bodies, options)


def everywhere(text: str) -> bytes:
    """Return a body with the text fields of all dialects; `text` is copied into the JSON unescaped."""
    message = f'[{{"role": "user", "content": "{text}"}}]'
    fields = {"messages": message, "max_tokens": "5", "tokens": f'["{text}"]', "documents": f'["{text}"]'}
    fields |= dict.fromkeys(("input", "prompt", "query", "model"), f'"{text}"')
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}").encode()


BYTES = {
    "nothing": b"",
    "a bracket": b"{",
    "null": b"null",
    "a number": b"5",
    "a list": b"[]",
    "no UTF-8": b"\xff\xfe",
    "no UTF-8 in a text": everywhere("a").replace(b"a", b"\xff"),
    "half a character": everywhere("\\ud800"),
    "NUL": everywhere("a\\u0000b"),
    "an open list": b'{"messages": ' + b"[" * 40_000,
    "a deep object": b'{"options": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001,
    "NaN": b'{"temperature": NaN}',
    "no JSON": b"x" * 90_000,
}


@each_endpoint
def test_wrong_bytes(api: Api, path: str) -> None:
    for name, body in BYTES.items():
        if not body and OPERATIONS["POST", path].body_optional:
            continue
        result = api.post(path, body)
        refused(result, name)
        found = msgspec.convert(result.json, dialect_of(path).error)
        assert json.loads(msgspec.json.encode(found)) == result.json, f"{name}: it has the fields of its dialect"


@each_endpoint
def test_a_body_over_the_limit_is_a_413(api: Api, path: str) -> None:
    result = api.post(path, b"x" * (LIMIT + 1))
    refused(result)
    assert result.status_code == 413


LONG = "secret " * 10_000


@each_endpoint
def test_an_error_repeats_no_long_text(api: Api, path: str) -> None:
    """Neither as a value, nor as a name of a field, nor in the address."""
    for body in (
        {**good(path), "model": LONG[:50_000]},
        {**good(path), text_or_model(path): {LONG[:50_000]: LONG[:9]}},
    ):
        result = api.post(path, body)
        refused(result)
        assert result.text.count("secret") * len("secret ") < 300, result.text
        assert len(result.text) < 1000
    assert len(api.http.simulate_get(path + LONG).text) < 1000


def text_or_model(path: str) -> str:
    return next(field for field in (*good(path), "model") if field in ("messages", "input", "prompt", "model", "query"))


def test_half_a_character_is_replaced_and_named(api: Api) -> None:
    body = b'{"messages": [{"role": "user", "content": "cut \\ud83d"}], "max_tokens": 50.0}'
    for path in ("/v1/chat/completions", "/v1/messages"):
        result = api.post(path, body)
        assert result.status_code == 200
        assert "cut \ufffd" in json.dumps(result.json, ensure_ascii=False)
        assert "half characters" in result.headers["x-rkllm-warning"]
    streamed = api.post("/v1/chat/completions", body[:-1] + b', "stream": true}')
    assert "half characters" in streamed.headers["x-rkllm-warning"]


def test_a_missing_field_is_named(api: Api) -> None:
    for path, field in (("/v1/chat/completions", "messages"), ("/v1/embeddings", "input"), ("/v1/rerank", "documents")):
        assert api.post(path, {}).json["error"]["param"] == field


NAMES = ["../../etc/passwd", "..", "a/b", "%2e%2e%2f", ":", ":latest", "a:b:c", "x" * 5000, "\u202e", "a\nb"]


@each_endpoint
def test_odd_model_names_are_unknown(api: Api, path: str) -> None:
    for name in NAMES:
        result = api.post(path, {**good(path), "model": name})
        refused(result, name)
        # A name may also be longer than the field takes.
        assert result.status_code == 404 or len(name) > 256, name


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1/models/..%2f..%2fetc", "/api", "/api/", "/api/nothing", "/api/../etc", "/api/blobs"]
)
def test_unknown_paths_are_a_404(api: Api, path: str) -> None:
    result = api.http.simulate_get(path)
    refused(result)
    assert result.status_code == 404


@each_endpoint
def test_a_wrong_method_is_a_405(api: Api, path: str) -> None:
    result = api.http.simulate_put(path)
    refused(result)
    assert result.status_code == 405


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(place=st.sampled_from([(path, field) for path in POSTS for field in fields(path)]), value=JSON)
def test_no_value_of_a_field_is_a_5xx(api: Api, place: tuple[str, str], value: Any) -> None:
    path, field = place
    result = api.post(path, json.dumps({**good(path), field: value}).encode())
    assert result.status_code < 500, result.text
    assert result.content


def said(content: Any, **more: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content, **more}]


WRONG_MESSAGES: dict[str, list[Any]] = {
    "/v1/chat/completions": [
        None,
        [],
        "hello",
        [5],
        [{}],
        [{"role": "user"}],
        [{"role": "king", "content": "x"}],
        said(None),
        said({"a": 1}),
        said([5]),
        said([{"type": "text"}]),
        said([{"type": "text", "text": 5}]),
        said([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]),
        said("a\0b"),
        [{"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}],
    ],
    "/api/chat": [
        "hello",
        [5],
        [{}],
        [{"role": "king", "content": "x"}],
        said(5),
        said("a\0b"),
        said("x", images=["AAAA"]),
        [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}],
        [{"role": "assistant", "tool_calls": [{}]}],
    ],
}


@pytest.mark.parametrize("path", WRONG_MESSAGES)
def test_wrong_messages(api: Api, path: str) -> None:
    for messages in WRONG_MESSAGES[path]:
        refused(api.post(path, {"messages": messages}), str(messages))


MANY: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": said("x") * 4097},
    "/v1/responses": {"input": said("x") * 4097},
    "/v1/messages": {"max_tokens": 5, "messages": said("x") * 4097},
    "/v1/tokenize": {"messages": said("x") * 4097},
    "/api/chat": {"stream": False, "messages": said("x") * 4097},
}


@pytest.mark.parametrize("path", MANY)
def test_more_messages_than_any_context_holds(api: Api, path: str) -> None:
    result = api.post(path, MANY[path])
    refused(result)
    assert "4096" in result.text


def test_more_parts_than_any_context_holds(api: Api) -> None:
    result = api.post("/v1/chat/completions", {"messages": said([{"type": "text", "text": "x"}] * 4097)})
    refused(result)
    assert "4096" in result.text


DEEP = b'{"a":' * 900 + b"1" + b"}" * 900
DEEPER = b'{"a":' * 20_000 + b"1" + b"}" * 20_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", b'{"max_tokens": 5, "messages": [{"role": "assistant", "content": [{"type": "tool_use", '
         b'"id": "1", "name": "f", "input": %s}]}]}'),
        ("/v1/messages", b'{"max_tokens": 5, "messages": [{"role": "user", "content": "x"}], '
         b'"tools": [{"name": "f", "input_schema": %s}]}'),
        ("/v1/messages", b'{"max_tokens": 5, "messages": [{"role": "user", "content": "x"}], '
         b'"output_config": {"format": {"type": "json_schema", "schema": %s}}}'),
        ("/v1/messages/count_tokens", b'{"messages": [{"role": "user", "content": "x"}], '
         b'"tools": [{"name": "f", "input_schema": %s}]}'),
        ("/v1/responses", b'{"input": "x", "tools": [{"type": "function", "name": "f", "parameters": %s}]}'),
        ("/v1/responses", b'{"input": "x", "text": {"format": {"type": "json_schema", "schema": %s}}}'),
        ("/v1/responses", b'{"input": "x", "metadata": %s}'),
        ("/v1/responses", b'{"input": [{"type": "function_call_output", "output": %s}]}'),
        ("/v1/chat/completions", b'{"messages": [{"role": "tool", "content": %s}]}'),
        ("/v1/chat/completions", b'{"messages": [{"role": "user", "content": "x"}], "guided_json": %s}'),
        ("/v1/tokenize", b'{"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": %s}'),
        ("/v1/chat/completions", b'{"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": %s}'),
    ],
)  # fmt: skip
def test_deep_nesting_is_no_5xx(api: Api, path: str, body: bytes) -> None:
    for depth in (DEEP, DEEPER):
        assert api.post(path, body % depth).status_code < 500
        assert api.chat().status_code == 200


@pytest.mark.parametrize("number", [b"NaN", b"1e999"])
def test_a_number_that_is_none_is_refused(api: Api, number: bytes) -> None:
    body = b'{"messages": [{"role": "user", "content": "x"}], "temperature": %s}'
    refused(api.post("/v1/chat/completions", body % number))


NESTED: dict[str, Any] = {}
for _ in range(300):
    NESTED = {"properties": {"a": NESTED}}


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
        NESTED,
    ],
)
def test_schemas_that_are_none(api: Api, schema: dict[str, Any]) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    result = api.post("/v1/chat/completions", {**CHAT, "response_format": form})
    refused(result)
    assert "response_format" in result.text or "nested" in result.text


def test_a_schema_that_is_too_wide(api: Api) -> None:
    wide = {"properties": {f"p{number}": {"type": "string"} for number in range(10_000)}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": wide}}
    result = api.post("/v1/chat/completions", {**CHAT, "response_format": form})
    refused(result)
    assert "more than 10000 JSON values" in result.json["error"]["message"]


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
    refused(api.post("/v1/chat/completions", {**CHAT, "tools": [{"type": "function", "function": function}]}))


@pytest.mark.parametrize(
    "parameters",
    [
        NESTED,
        {"properties": [1], "required": 5, "anyOf": 3},
        {"properties": {"a": 5, "b": {"enum": 5}, "c": {"type": ["x", 5]}, "d": {"anyOf": [1]}, "e": {"items": 2}}},
        {"properties": {"a": {"type": "array", "items": {"type": "array", "items": {}}}}, "required": [[]]},
    ],
)
def test_parameters_that_mean_nothing_do_no_harm(api: Api, parameters: dict[str, Any]) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
    for choice in ("auto", "required"):
        result = api.post("/v1/chat/completions", {**CHAT, "tools": tools, "tool_choice": choice})
        assert result.status_code < 500, result.text
