"""The same bodies nobody should send, for the Responses API, Anthropic's and tokens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.api.dialects.anthropic.types import CountRequest, MessagesRequest
from services.api.dialects.responses.types import ResponsesRequest
from services.api.operator.tokens import DetokenizeRequest, TokenizeRequest
from tests.http.conftest import Api
from tests.http.test_hostile import GOOD, JSON, WRONG, refused

PATHS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "/v1/responses": (ResponsesRequest, {"input": "x"}),
    "/v1/responses/input_tokens": (ResponsesRequest, {"input": "x"}),
    "/v1/messages": (MessagesRequest, {**GOOD, "max_tokens": 5}),
    "/v1/messages/count_tokens": (CountRequest, GOOD),
    "/v1/tokenize": (TokenizeRequest, {"prompt": "x"}),
    "/v1/detokenize": (DetokenizeRequest, {"tokens": [97]}),
}
"""What each path takes, and a body that is good."""

FIELDS = [(path, field) for path, (kind, _) in PATHS.items() for field in kind.__struct_fields__]
ANYTHING = {"container"}
"""Fields of any type, announced whatever they are."""


@pytest.mark.parametrize("path", PATHS)
def test_the_good_bodies_are_good(api: Api, path: str) -> None:
    assert api.post(path, PATHS[path][1]).status_code == 200


@pytest.mark.parametrize(("path", "field"), FIELDS)
def test_a_wrong_type_at_every_field(api: Api, path: str, field: str) -> None:
    results = [api.post(path, {**PATHS[path][1], field: value}) for value in WRONG]
    bad = [result for result in results if result.status_code != 200]
    assert bad or field in ANYTHING
    for result in bad:
        refused(result)
        assert field in result.text


DEEP = b'{"a":' * 900 + b"1" + b"}" * 900
DEEPER = b'{"a":' * 20_000 + b"1" + b"}" * 20_000


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"input": "\\ud800", "prompt": "\\ud800", "tokens": ["\\ud800"]}',
        b'{"input": "a\\u0000b", "prompt": "a\\u0000b", "tokens": ["a"]}',
        b'{"input": ' + b"[" * 40_000,
        b'{"metadata": ' + DEEPER + b"}",
        b'{"messages": [{"role": "user", "content": "a\\u0000b"}], "max_tokens": 5}',
        b"x" * 90_000,
    ],
)
def test_wrong_bytes(api: Api, path: str, body: bytes) -> None:
    refused(api.post(path, body))


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
        ("/v1/tokenize", b'{"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": %s}'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("depth", [DEEP, DEEPER], ids=["deep", "deeper"])
def test_deep_nesting_is_no_5xx(api: Api, path: str, body: bytes, depth: bytes) -> None:
    assert api.post(path, body % depth).status_code < 500
    assert api.chat().status_code == 200


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(FIELDS), value=JSON)
def test_no_value_of_a_field_is_a_5xx(api: Api, place: tuple[str, str], value: Any) -> None:
    path, field = place
    result = api.post(path, json.dumps({**PATHS[path][1], field: value}).encode())
    assert result.status_code < 500, result.text
    assert result.json
