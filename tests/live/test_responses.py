"""The Responses API with the `openai` package against the real server: with the scripted engine and the real model."""

from __future__ import annotations

import json
from typing import Any

import openai
import pydantic
import pytest

from tests.live.conftest import Server

MODEL = "smollm2-135m-instruct"
QUESTION = "What is the capital of France?"
GREEDY = {"max_output_tokens": 20, "temperature": 0}
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
CALL = json.dumps({"text": '{"name": "weather", "arguments": {"city": "Paris"}}'})


def test_whole_and_streamed(scripted: Server) -> None:
    with scripted.client() as client:
        whole = client.responses.create(model="fake", input="hello", store=False)
        assert (whole.output_text, whole.status, whole.usage.input_tokens) == ("You said: hello", "completed", 20)
        with client.responses.stream(model="fake", input=json.dumps({"tokens": 4})) as stream:
            deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
            final = stream.get_final_response()
        assert deltas == ["tok "] * 4
        assert (final.output_text, final.usage.output_tokens) == ("tok " * 4, 4)


def test_a_call_of_a_function_and_its_result(scripted: Server) -> None:
    with scripted.client() as client:
        whole = client.responses.create(model="fake", input=CALL, tools=[WEATHER])
        (call,) = whole.output
        assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "weather", {"city": "Paris"})
        with client.responses.stream(model="fake", input=CALL, tools=[WEATHER]) as stream:
            (streamed,) = stream.get_final_response().output
        assert (streamed.name, streamed.parsed_arguments) == ("weather", {"city": "Paris"})
        turns: list[Any] = [{"role": "user", "content": "hm"}, *whole.output]
        turns.append({"type": "function_call_output", "call_id": call.call_id, "output": "sunny"})
        assert client.responses.create(model="fake", input=turns, tools=[WEATHER]).output_text


def test_reasoning_is_an_item_that_may_come_back(scripted: Server) -> None:
    with scripted.client() as client:
        script = json.dumps({"text": "<think>hm</think>yes"})
        first = client.responses.create(model="fake", input=script, reasoning={"effort": "low"})
        assert [item.type for item in first.output] == ["reasoning", "message"]
        assert (first.output[0].content[0].text, first.output_text) == ("hm", "yes")
        with client.responses.stream(model="fake", input=script) as stream:
            kinds = [event.type for event in stream]
        assert "response.reasoning_text.delta" in kinds
        again = client.responses.create(model="fake", input=[*first.output, {"role": "user", "content": "more"}])
        assert again.output_text == "You said: more"


def test_an_answer_cut_short_and_one_that_breaks(scripted: Server) -> None:
    with scripted.client() as client:
        script = json.dumps({"text": "a", "tokens": 9})
        with client.responses.stream(model="fake", input=script, max_output_tokens=3) as stream:
            *_, last = stream
        assert (last.type, last.response.incomplete_details.reason) == ("response.incomplete", "max_output_tokens")
        *_, last = client.responses.create(
            model="fake", input=json.dumps({"tokens": 3, "fault": "error", "at": 1}), stream=True
        )
        assert (last.type, last.response.error.message) == ("response.failed", "the fake engine failed on purpose")
        with pytest.raises(openai.BadRequestError, match="keeps no responses"):
            client.responses.create(model="fake", input="x", previous_response_id="resp_1")


def test_a_count_is_what_the_answer_reports(real: Server) -> None:
    asked: Any = {"model": MODEL, "input": QUESTION, "instructions": "Be brief.", "tools": [WEATHER]}
    with real.client() as client:
        count = client.responses.input_tokens.count(**asked).input_tokens
        assert count == client.responses.create(**asked, max_output_tokens=2).usage.input_tokens


class City(pydantic.BaseModel):
    name: str
    population: int


def test_a_real_answer_is_parsed_into_a_model(real: Server) -> None:
    with real.client() as client:
        answer = client.responses.parse(
            model=MODEL, input="Describe Paris.", text_format=City, max_output_tokens=80, temperature=0
        )
    assert isinstance(answer.output_parsed, City)


def test_real_tokens_and_back(real: Server) -> None:
    with real.client() as client:
        asked = {"model": MODEL, "prompt": "Grüße aus Paris", "return_token_strs": True}
        found = client.post("/tokenize", body=asked, cast_to=dict)
        text = client.post("/detokenize", body={"model": MODEL, "tokens": found["tokens"]}, cast_to=dict)
        chat = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}]}
        count = client.post("/tokenize", body=chat, cast_to=dict)["count"]
        answer = client.chat.completions.create(**chat, max_tokens=2)
    assert text["prompt"] == "Grüße aus Paris"
    assert len(found["token_strs"]) == found["count"] == len(found["tokens"])
    assert count == answer.usage.prompt_tokens


def test_a_real_prompt_of_tokens_is_the_prompt_of_their_text(real: Server) -> None:
    with real.client() as client:
        asked: Any = {"model": MODEL, "max_tokens": 8, "temperature": 0}
        ids = client.post("/tokenize", body={"model": MODEL, "prompt": "Once upon a time"}, cast_to=dict)["tokens"]
        texts = [
            client.completions.create(prompt=p, echo=True, **asked).choices[0].text for p in ("Once upon a time", ids)
        ]
    assert texts[0] == texts[1]
