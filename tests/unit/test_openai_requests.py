"""OpenAI's requests, and logprobs back: the conversions that need no server."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.api.dialects.openai import requests
from services.api.dialects.openai.answers import ChatShape, TextShape
from services.api.dialects.openai.types import ChatRequest
from services.core.errors import BadRequest
from services.core.events import Text, TokenLogprob, TopLogprob
from services.core.request import GenerationRequest


def ask(**fields: Any) -> GenerationRequest:
    body = {"messages": [{"role": "user", "content": "x"}], **fields}
    return requests.chat(msgspec.convert(body, ChatRequest))


@pytest.mark.parametrize(
    ("response_format", "schema"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, {}),
        ({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}, {"type": "object"}),
    ],
)
def test_response_formats(response_format: Any, schema: Any) -> None:
    assert ask(response_format=response_format).json_schema == schema


def test_a_schema_format_without_a_schema_is_refused() -> None:
    with pytest.raises(BadRequest, match="no json_schema"):
        ask(response_format={"type": "json_schema"})


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        ({}, None),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "minimal"}, False),
        ({"reasoning_effort": "low"}, True),
        ({"enable_thinking": True, "reasoning_effort": "none"}, True),
        ({"chat_template_kwargs": {"enable_thinking": False}, "enable_thinking": True}, False),
        ({"chat_template_kwargs": {"enable_thinking": "maybe"}}, None),
    ],
)
def test_the_thinking_switch(fields: dict[str, Any], thinking: bool | None) -> None:
    found = ask(**fields)
    assert found.thinking is thinking
    assert "enable_thinking" not in found.template_kwargs


def test_a_seed_of_any_size_is_a_seed() -> None:
    assert ask(seed=-1).sampling.seed == 2**32 - 1
    assert ask(seed=7).sampling.seed == 7
    assert ask().sampling.seed is None


def test_logprobs_need_the_switch() -> None:
    assert ask(top_logprobs=3).logprobs is None
    assert ask(logprobs=True).logprobs == 0
    assert ask(logprobs=True, top_logprobs=3).logprobs == 3


def entry(token: str) -> TokenLogprob:
    return TokenLogprob(token, -0.5, [1], (TopLogprob(token, -0.5, [1]),))


def test_logprobs_of_a_chat_have_openais_keys_alone() -> None:
    piece = ChatShape().piece(0, Text("ab", (entry("a"), entry("b"))))
    (first, _) = msgspec.json.decode(msgspec.json.encode(piece))["logprobs"]["content"]
    assert first == {
        "token": "a", "logprob": -0.5, "bytes": [1], "top_logprobs": [{"token": "a", "logprob": -0.5, "bytes": [1]}],
    }  # fmt: skip


def test_logprobs_of_a_completion_have_the_older_shape() -> None:
    unlikely = TokenLogprob("c", -0.5, top_logprobs=(TopLogprob("d", -0.1),))
    assert msgspec.to_builtins(TextShape().piece(0, Text("abc", (entry("ab"), unlikely))).logprobs) == {
        "tokens": ["ab", "c"],
        "token_logprobs": [-0.5, -0.5],
        "top_logprobs": [{"ab": -0.5}, {"d": -0.1, "c": -0.5}],
        "text_offset": [0, 2],
    }
