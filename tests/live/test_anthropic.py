"""The `anthropic` package against the real server: with the scripted engine, and with the real model."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pydantic
import pytest

from tests.live.conftest import Server

MODEL = "smollm2-135m-instruct"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY: Any = {"max_tokens": 20, "extra_body": {"temperature": 0}}
WEATHER = {
    "name": "weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CALL = {"text": '{"name": "weather", "arguments": {"city": "Paris"}}'}


def client(server: Server) -> Any:
    """Untyped, since tests send more than its types allow."""
    return anthropic.Anthropic(base_url=server.url, api_key="unused", max_retries=0, timeout=60)


def asked(script: object) -> list[dict[str, str]]:
    return [{"role": "user", "content": script if isinstance(script, str) else json.dumps(script)}]


def test_whole_and_streamed(scripted: Server) -> None:
    with client(scripted) as claude:
        whole = claude.messages.create(model="fake", max_tokens=9, messages=asked("hello"))
        assert (whole.content[0].text, whole.stop_reason, whole.usage.input_tokens) == (
            "You said: hello",
            "end_turn",
            20,
        )
        with claude.messages.stream(model="fake", max_tokens=9, messages=asked({"tokens": 4})) as stream:
            assert "".join(stream.text_stream) == "tok " * 4
            final = stream.get_final_message()
        assert (final.content[0].text, final.stop_reason) == ("tok " * 4, "end_turn")
        assert (final.usage.input_tokens, final.usage.output_tokens) == (20, 4)
        events = claude.messages.create(model="fake", max_tokens=9, messages=asked({"tokens": 2}), stream=True)
        assert [event.type for event in events] == [
            "message_start", "content_block_start", "content_block_delta", "content_block_delta",
            "content_block_stop", "message_delta", "message_stop",
        ]  # fmt: skip


def test_a_call_of_a_tool_and_its_result(scripted: Server) -> None:
    with client(scripted) as claude:
        more = {"model": "fake", "max_tokens": 9, "tools": [WEATHER]}
        whole = claude.messages.create(messages=asked(CALL), **more)
        (call,) = whole.content
        assert (whole.stop_reason, call.type, call.name, call.input) == (
            "tool_use",
            "tool_use",
            "weather",
            {"city": "Paris"},
        )
        with claude.messages.stream(messages=asked(CALL), **more) as stream:
            final = stream.get_final_message()
        assert (final.stop_reason, final.content[0].input) == ("tool_use", {"city": "Paris"})
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
        turns = [*asked("hm"), {"role": "assistant", "content": whole.content}, {"role": "user", "content": [result]}]
        assert claude.messages.create(messages=turns, **more).content[0].text


def test_reasoning_and_stop_sequences(scripted: Server) -> None:
    with client(scripted) as claude:
        script = asked({"text": "<think>hm</think>yes END no"})
        more = {"model": "fake", "max_tokens": 2000, "stop_sequences": [" END"], "messages": script}
        more["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        whole = claude.messages.create(**more)
        assert [(block.type, getattr(block, block.type)) for block in whole.content] == [
            ("thinking", "hm"),
            ("text", "yes"),
        ]
        assert (whole.stop_reason, whole.stop_sequence) == ("stop_sequence", " END")
        with claude.messages.stream(**more) as stream:
            final = stream.get_final_message()
        assert [block.type for block in final.content] == ["thinking", "text"]
        assert (final.content[0].thinking, final.stop_sequence) == ("hm", " END")


def test_errors_are_its_own_exceptions(scripted: Server) -> None:
    with client(scripted) as claude:
        with pytest.raises(anthropic.NotFoundError, match="none"):
            claude.messages.create(model="none", max_tokens=9, messages=asked("x"))
        image = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]
        with pytest.raises(anthropic.BadRequestError, match="reads text only"):
            claude.messages.create(model="fake", max_tokens=9, messages=[{"role": "user", "content": image}])
        broken = asked({"tokens": 3, "fault": "error", "at": 1})
        stream = claude.messages.create(model="fake", max_tokens=9, messages=broken, stream=True)
        with pytest.raises(anthropic.APIStatusError, match="failed on purpose"):
            list(stream)


class City(pydantic.BaseModel):
    name: str
    population: int


def test_a_real_answer_is_parsed_into_a_model(real: Server) -> None:
    with client(real) as claude:
        asked = [{"role": "user", "content": "Describe Paris."}]
        answer = claude.messages.parse(model=MODEL, messages=asked, output_format=City, **{**GREEDY, "max_tokens": 80})
    assert isinstance(answer.parsed_output, City)


def test_a_count_is_what_the_answer_reports(real: Server) -> None:
    messages: Any = [*QUESTION, {"role": "assistant", "content": "Paris."}, {"role": "user", "content": "And of Peru?"}]
    with client(real) as claude:
        count = claude.messages.count_tokens(model=MODEL, messages=messages, system="Be brief.", tools=[WEATHER])
        answer = claude.messages.create(model=MODEL, messages=messages, system="Be brief.", tools=[WEATHER], **GREEDY)
    usage = answer.usage
    assert count.input_tokens == usage.input_tokens + usage.cache_read_input_tokens
