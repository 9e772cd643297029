"""The real small model, end to end, with the `openai` package."""

from __future__ import annotations

import json
import threading

import httpx2
import openai
import pytest
from jsonschema import validate

from tests.live.conftest import Server

MODEL = "smollm2-135m-instruct"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


def test_the_ready_line_names_what_to_try(real: Server) -> None:
    assert real.url in real.ready_line
    assert MODEL in real.ready_line
    assert "curl" in real.ready_line


def test_models(real: Server) -> None:
    with real.client() as client:
        assert {model.id for model in client.models.list()} == {MODEL, "other-2k"}
        assert client.models.retrieve("smollm2").id == MODEL


def test_a_streamed_answer_with_usage(real: Server) -> None:
    with real.client() as client:
        stream = client.chat.completions.create(
            model=MODEL,
            messages=QUESTION,
            stream=True,
            max_tokens=30,
            temperature=0,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Paris" in text
    usage = chunks[-1].usage
    assert usage.prompt_tokens > 5
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_whole_answer_equals_its_stream(real: Server) -> None:
    with real.client() as client:
        ask = {"model": MODEL, "messages": QUESTION, "max_tokens": 20, "temperature": 0, "seed": 7}
        whole = client.chat.completions.create(**ask)
        streamed = "".join(c.choices[0].delta.content or "" for c in client.chat.completions.create(**ask, stream=True))
    assert whole.choices[0].message.content == streamed
    assert whole.system_fingerprint.startswith("fp_")


def test_a_seed_repeats_and_n_differs(real: Server) -> None:
    with real.client() as client:
        ask = {"model": MODEL, "messages": QUESTION, "max_tokens": 12, "temperature": 1.5, "seed": 3, "n": 2}
        first, second = (client.chat.completions.create(**ask) for _ in range(2))
    texts = [choice.message.content for choice in first.choices]
    assert texts == [choice.message.content for choice in second.choices]
    assert texts[0] != texts[1]
    assert first.usage.completion_tokens > 12


def test_a_stop_string_ends_the_answer(real: Server) -> None:
    with real.client() as client:
        answer = client.chat.completions.create(
            model=MODEL, messages=QUESTION, temperature=0, max_tokens=30, stop=["Paris"]
        )
    assert "Paris" not in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"


def test_a_json_schema_is_obeyed(real: Server) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"],
              "additionalProperties": False}  # fmt: skip
    with real.client() as client:
        answer = client.chat.completions.create(
            model=MODEL, messages=QUESTION, max_tokens=60, temperature=0,
            response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema}},
        )  # fmt: skip
    validate(json.loads(answer.choices[0].message.content), schema)


def test_logprobs(real: Server) -> None:
    with real.client() as client:
        answer = client.chat.completions.create(
            model=MODEL, messages=QUESTION, max_tokens=5, temperature=0, logprobs=True, top_logprobs=3
        )
        text = client.completions.create(model=MODEL, prompt="The sky is", max_tokens=3, temperature=0, logprobs=2)
    assert all(len(entry.top_logprobs) == 3 for entry in answer.choices[0].logprobs.content)
    assert "".join(text.choices[0].logprobs.tokens) == text.choices[0].text


def test_a_prompt_over_the_context_is_a_400_with_both_numbers(real: Server) -> None:
    with real.client() as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="other-2k", messages=[{"role": "user", "content": "word " * 3000}])
    assert caught.value.code == "context_length_exceeded"
    assert "2048" in str(caught.value)


def test_a_raw_completion(real: Server) -> None:
    with real.client() as client:
        answer = client.completions.create(
            model=MODEL, prompt=["One, two,", "A, B,"], max_tokens=6, temperature=0, echo=True
        )
    assert answer.choices[0].text.startswith("One, two,")
    assert answer.choices[1].text.startswith("A, B,")
    assert answer.object == "text_completion"


def test_two_clients_at_once_get_their_own_answers(real: Server) -> None:
    answers: dict[str, str] = {}

    def ask(country: str) -> None:
        answers[country] = real.ask(f"What is the capital of {country}?", MODEL, temperature=0, max_tokens=20)

    threads = [threading.Thread(target=ask, args=(country,)) for country in ("France", "Japan")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "Paris" in answers["France"]
    assert "Tokyo" in answers["Japan"]


def test_a_model_switch_and_back(real: Server) -> None:
    first = real.ask("Hello!", MODEL, temperature=0, max_tokens=8)
    assert real.ask("Hello!", "other-2k", temperature=0, max_tokens=8)
    assert real.health()["current_model"] == "other-2k"
    assert real.ask("Hello!", MODEL, temperature=0, max_tokens=8) == first


def test_leaving_in_a_long_prefill_frees_the_engine(real: Server) -> None:
    real.ask("Hello!", MODEL, max_tokens=1)
    connection = real.chat("Say it again. " * 1200, MODEL, stream=False)
    real.until(lambda health: health["busy"])
    connection.close()
    real.until(lambda health: not health["busy"])
    assert real.health()["process_healthy"]
    assert real.ask("Hello!", MODEL, max_tokens=4)


def test_leaving_while_it_decodes_frees_the_engine(real: Server) -> None:
    with real.client() as client:
        stream = client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True, max_tokens=2000)
        next(iter(stream))
        stream.close()
    real.until(lambda health: not health["busy"])
    assert real.health()["process_healthy"]


def test_an_unknown_model_is_a_404_that_names_what_there_is(real: Server) -> None:
    with pytest.raises(openai.NotFoundError, match=MODEL):
        real.ask("hi", "gpt-5")


def test_unload_frees_the_child(real: Server) -> None:
    real.ask("Hello!", MODEL, max_tokens=1)
    assert httpx2.post(f"{real.url}/v1/models/unload").json()["model"] == MODEL
    assert not real.engine_pids()
