"""The `anthropic` package, whole and streamed."""

from __future__ import annotations

import os
from typing import Any

import anthropic
import pytest

MODEL = os.environ["CONFORMANCE_MODEL"]
HELLO: Any = [{"role": "user", "content": "Say hello."}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture
def client() -> Any:
    with anthropic.Anthropic(
        base_url=os.environ["CONFORMANCE_URL"], api_key=os.environ["CONFORMANCE_KEY"], max_retries=0
    ) as made:
        yield made


def test_message(client: Any) -> None:
    answer = client.messages.create(model=MODEL, max_tokens=8, system="Be brief.", messages=HELLO)
    assert answer.content[0].text
    assert answer.usage.output_tokens > 0
    assert answer.stop_reason in ("end_turn", "max_tokens")


def test_streamed(client: Any) -> None:
    with client.messages.stream(model=MODEL, max_tokens=8, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert final.content[0].text == text
    assert final.usage.output_tokens > 0


def test_stop_sequences(client: Any) -> None:
    counting = [{"role": "user", "content": "Count: 1 2 3 4 5 6"}]
    answer = client.messages.create(model=MODEL, max_tokens=40, messages=counting, stop_sequences=["3"])
    assert all("3" not in block.text for block in answer.content)


def test_tools(client: Any) -> None:
    question = [{"role": "user", "content": "What is the weather in Paris?"}]
    request = {"model": MODEL, "max_tokens": 200, "tools": [WEATHER], "tool_choice": {"type": "any"}}
    answer = client.messages.create(messages=question, **request)
    call = next(block for block in answer.content if block.type == "tool_use")
    assert answer.stop_reason == "tool_use"
    assert isinstance(call.input["city"], str)
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "It is sunny."}
    history = [*question, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    assert client.messages.create(model=MODEL, max_tokens=20, messages=history, tools=[WEATHER]).content


def test_tools_streamed(client: Any) -> None:
    question = [{"role": "user", "content": "What is the weather in Paris?"}]
    choice = {"type": "tool", "name": "get_weather"}
    with client.messages.stream(
        model=MODEL, max_tokens=200, tools=[WEATHER], tool_choice=choice, messages=question
    ) as stream:
        final = stream.get_final_message()
    assert isinstance(final.content[-1].input["city"], str)


def test_count_tokens(client: Any) -> None:
    short = client.messages.count_tokens(model=MODEL, messages=HELLO).input_tokens
    long = client.messages.count_tokens(model=MODEL, messages=[*HELLO, *HELLO]).input_tokens
    assert 0 < short < long


def test_errors(client: Any) -> None:
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="no-such-model", max_tokens=8, messages=HELLO)
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(model=MODEL, max_tokens=-1, messages=HELLO)
