"""The `openai` package, every resource this server has, whole and streamed, sync and async."""

from __future__ import annotations

import json
import os
from typing import Any

import openai
import pytest
from pydantic import BaseModel

MODEL = os.environ["CONFORMANCE_MODEL"]
EMBEDDING_MODEL = os.environ["CONFORMANCE_EMBEDDING_MODEL"]
URL, KEY = os.environ["CONFORMANCE_URL"] + "/v1", os.environ["CONFORMANCE_KEY"]
HELLO: Any = [{"role": "user", "content": "Say hello."}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TOOLS: Any = [{"type": "function", "function": WEATHER}]
PARIS: Any = [{"role": "user", "content": "What is the weather in Paris?"}]


class City(BaseModel):
    name: str
    inhabitants: int


@pytest.fixture
def client() -> Any:
    with openai.OpenAI(base_url=URL, api_key=KEY, max_retries=0) as made:
        yield made


def test_models(client: Any) -> None:
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


def test_chat(client: Any) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_completion_tokens=8, n=2)
    assert len(answer.choices) == 2
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_chat_streamed(client: Any) -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=HELLO, max_completion_tokens=200, stream_options={"include_usage": True}
    ) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content
    assert final.usage.completion_tokens > 0


async def test_chat_streamed_async() -> None:
    async with openai.AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=0) as client:
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=8, stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


def test_logprobs(client: Any) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=4, logprobs=True, top_logprobs=2, temperature=0
    )
    assert all(len(entry.top_logprobs) == 2 for entry in answer.choices[0].logprobs.content)


def test_stop(client: Any) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Count: 1 2 3 4 5 6"}], stop=["3"], max_tokens=40
    )
    assert "3" not in answer.choices[0].message.content


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_tools(client: Any, choice: Any) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=PARIS, tools=TOOLS, tool_choice=choice)
    (call, *_) = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert isinstance(json.loads(call.function.arguments)["city"], str)


def test_tools_streamed_and_answered(client: Any) -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=PARIS, tools=TOOLS, tool_choice="required", parallel_tool_calls=False
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    (call,) = message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "It is sunny."}
    history = [*PARIS, message.model_dump(exclude_none=True, exclude={"parsed"}), result]
    answer = client.chat.completions.create(model=MODEL, messages=history, max_tokens=20)
    assert answer.choices[0].message.content


def test_parsed(client: Any) -> None:
    answer = client.chat.completions.parse(
        model=MODEL,
        messages=[{"role": "user", "content": "Paris has two million inhabitants. Describe the city in JSON."}],
        response_format=City,
        max_tokens=200,
    )
    assert isinstance(answer.choices[0].message.parsed, City)


@pytest.mark.parametrize("seed", range(3))
def test_json_object(client: Any, seed: int) -> None:
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Describe Paris as a JSON object."}],
        response_format={"type": "json_object"},
        seed=seed,
        max_tokens=500,
    )
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_completions(client: Any) -> None:
    assert client.completions.create(model=MODEL, prompt=["One", "Two"], max_tokens=4).choices[1].index == 1
    pieces = client.completions.create(model=MODEL, prompt="One", max_tokens=4, stream=True)
    assert "".join(piece.choices[0].text for piece in pieces)


def test_responses(client: Any) -> None:
    answer = client.responses.create(model=MODEL, input="Say hello.", instructions="Be brief.", max_output_tokens=16)
    assert answer.output_text
    assert answer.usage.output_tokens > 0


def test_responses_streamed(client: Any) -> None:
    with client.responses.stream(model=MODEL, input="Say hello.", max_output_tokens=200) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] in ("response.completed", "response.incomplete")
    assert final.output_text


def test_responses_tools(client: Any) -> None:
    tool = {"type": "function", "strict": False, **WEATHER}
    answer = client.responses.create(
        model=MODEL, input="What is the weather in Paris?", tools=[tool], tool_choice="required"
    )
    calls = [item for item in answer.output if item.type == "function_call"]
    assert isinstance(json.loads(calls[0].arguments)["city"], str)


def test_responses_parsed(client: Any) -> None:
    answer = client.responses.parse(
        model=MODEL, input="Paris has two million inhabitants.", text_format=City, max_output_tokens=200
    )
    assert isinstance(answer.output_parsed, City)


def test_embeddings(client: Any) -> None:
    default = client.embeddings.create(model=EMBEDDING_MODEL, input=["a cat", "a kitten"])
    floats = client.embeddings.create(model=EMBEDDING_MODEL, input=["a cat", "a kitten"], encoding_format="float")
    assert default.data[1].embedding == pytest.approx(floats.data[1].embedding, abs=1e-6)
    assert default.usage.prompt_tokens > 0


def test_errors(client: Any) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="no-such-model", messages=HELLO)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=HELLO, temperature=9)
    assert caught.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "word " * 20_000}])
    assert caught.value.code == "context_length_exceeded"


def test_a_wrong_key_is_refused() -> None:
    wrong = openai.OpenAI(base_url=URL, api_key="wrong", max_retries=0)
    with wrong as client, pytest.raises(openai.AuthenticationError):
        client.models.list()
