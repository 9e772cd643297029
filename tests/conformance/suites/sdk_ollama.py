"""The `ollama` package, whole and streamed, sync and async."""

from __future__ import annotations

import os
from typing import Any

import ollama
import pytest

MODEL = os.environ["CONFORMANCE_MODEL"]
EMBEDDING_MODEL = os.environ["CONFORMANCE_EMBEDDING_MODEL"]
URL = os.environ["CONFORMANCE_URL"]
HEADERS = {"Authorization": f"Bearer {os.environ['CONFORMANCE_KEY']}"}
HELLO = [{"role": "user", "content": "Say hello."}]
FEW: Any = {"num_predict": 8}


def get_weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: its name
    """
    return f"sunny in {city}"


@pytest.fixture
def client() -> ollama.Client:
    return ollama.Client(URL, headers=HEADERS)


def test_models(client: ollama.Client) -> None:
    assert any((model.model or "").startswith(MODEL) for model in client.list().models)
    assert client.show(MODEL).capabilities
    client.generate(MODEL)
    assert any((model.model or "").startswith(MODEL) for model in client.ps().models)


def test_chat(client: ollama.Client) -> None:
    answer = client.chat(MODEL, HELLO, options=FEW)
    assert answer.message.content
    assert answer.done
    assert answer.eval_count
    assert answer.total_duration


def test_chat_streamed(client: ollama.Client) -> None:
    pieces = list(client.chat(MODEL, HELLO, options=FEW, stream=True))
    assert "".join(piece.message.content or "" for piece in pieces)
    assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True]


async def test_chat_streamed_async() -> None:
    client = ollama.AsyncClient(URL, headers=HEADERS)
    pieces = [piece async for piece in await client.chat(MODEL, HELLO, options=FEW, stream=True)]
    assert pieces[-1].done_reason in ("stop", "length")


def test_generate(client: ollama.Client) -> None:
    assert client.generate(MODEL, "Say hello.", options=FEW).response
    assert "".join(piece.response for piece in client.generate(MODEL, "Say hello.", options=FEW, stream=True))


def test_tools_and_format(client: ollama.Client) -> None:
    client.chat(MODEL, [{"role": "user", "content": "Weather in Paris?"}], tools=[get_weather], options=FEW)
    schema: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    answer = client.chat(MODEL, HELLO, format=schema, options={"num_predict": 100})
    assert "city" in (answer.message.content or "")


def test_embeddings(client: ollama.Client) -> None:
    found = client.embed(EMBEDDING_MODEL, ["a cat", "a kitten"])
    assert len(found.embeddings) == 2
    assert client.embeddings(EMBEDDING_MODEL, "a cat").embedding


def test_errors(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("no-such-model", HELLO)
    assert caught.value.status_code == 404
