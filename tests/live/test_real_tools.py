"""Tools and schemas on the real small model, with the `openai` package."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from jsonschema import validate
from openai.lib.streaming.chat import ChunkEvent

from tests.gguf_file import with_template
from tests.live.conftest import Server

MODEL = "smollm2-135m-instruct"
QUESTION = [{"role": "user", "content": "What is the weather in Paris?"}]
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city"],
    "additionalProperties": False,
}
BOOKING: dict[str, Any] = {
    "type": "object",
    "properties": {"guest": {"$ref": "#/$defs/Guest"}, "nights": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["guest", "nights"],
    "additionalProperties": False,
    "$defs": {
        "Guest": {
            "type": "object",
            "properties": {"name": {"type": "string", "maxLength": 20}},
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}


def tool(name: str, about: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}


TOOLS = [tool("get_weather", "The weather of a city", WEATHER), tool("book_room", "Book a room", BOOKING)]
SCHEMAS = {"get_weather": WEATHER, "book_room": BOOKING}


def asked(real: Server, **more: Any) -> Any:
    with real.client() as client:
        usual = {"model": MODEL, "messages": QUESTION, "tools": TOOLS, "temperature": 0, "max_tokens": 120}
        return client.chat.completions.create(**(usual | more))


@pytest.mark.parametrize(("temperature", "seed"), [(0, 1), (1.2, 1), (1.2, 2)])
def test_a_demanded_call_satisfies_its_schema(real: Server, seed: int, temperature: float) -> None:
    (choice,) = asked(real, tool_choice="required", seed=seed, temperature=temperature).choices
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    validate(json.loads(call.function.arguments), SCHEMAS[call.function.name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_named_function_is_called(real: Server, name: str) -> None:
    (choice,) = asked(real, tool_choice={"type": "function", "function": {"name": name}}).choices
    (call,) = choice.message.tool_calls
    assert call.function.name == name
    validate(json.loads(call.function.arguments), SCHEMAS[name])


def test_the_demanded_call_fits_the_question(real: Server) -> None:
    (choice,) = asked(real, tools=TOOLS[:1], tool_choice="required").choices
    assert "Paris" in choice.message.tool_calls[0].function.arguments


def test_a_streamed_call_joins_to_the_whole_one(real: Server) -> None:
    with (
        real.client() as client,
        client.chat.completions.stream(
            model=MODEL, messages=QUESTION, tools=TOOLS, tool_choice="required", temperature=0, max_tokens=120
        ) as stream,
    ):
        chunks = [event.chunk for event in stream if isinstance(event, ChunkEvent)]
        (choice,) = stream.get_final_completion().choices
    (call,) = choice.message.tool_calls
    validate(json.loads(call.function.arguments), SCHEMAS[call.function.name])
    assert choice.finish_reason == "tool_calls"
    pieces: list[Any] = [piece for chunk in chunks for c in chunk.choices for piece in c.delta.tool_calls or ()]
    assert (pieces[0].id, pieces[0].function.name) == (call.id, call.function.name)
    assert all(piece.id is None for piece in pieces[1:])


def test_a_result_is_read(real: Server) -> None:
    first = asked(real, tool_choice="required").choices[0].message
    (call,) = first.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"sky": "snow", "degrees": -3}'}
    answer = asked(real, messages=[*QUESTION, first.model_dump(exclude_none=True), result], max_tokens=40)
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert "snow" in answer.choices[0].message.content.lower() or "-3" in answer.choices[0].message.content


def test_tools_that_are_not_needed_leave_the_answer_alone(real: Server) -> None:
    answer = asked(real, messages=[{"role": "user", "content": "What is the capital of France?"}], max_tokens=30)
    assert "Paris" in answer.choices[0].message.content
    assert not answer.choices[0].message.tool_calls


def test_a_schema_and_tools_together_give_one_of_both(real: Server) -> None:
    schema = {"type": "object", "properties": {"note": {"type": "string", "maxLength": 20}}, "required": ["note"],
              "additionalProperties": False}  # fmt: skip
    form = {"type": "json_schema", "json_schema": {"name": "note", "strict": True, "schema": schema}}
    (choice,) = asked(real, response_format=form).choices
    if choice.message.tool_calls:
        assert choice.finish_reason == "tool_calls"
    else:
        validate(json.loads(choice.message.content), schema)


def test_a_schema_that_is_none_is_a_400_that_names_it(real: Server) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": "https://example.com/x.json"}}}
    with pytest.raises(openai.BadRequestError) as caught:
        asked(real, tools=[], response_format=form)
    assert caught.value.param == "response_format"


TEMPLATE = (
    "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<tool_call><|im_end|>\n{% endif %}{% for m in messages %}"
    "<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>{{ c.function.name }}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_the_models_own_template_renders_tools_where_it_knows_them(real: Server) -> None:
    source = real.models_dir / "SmolLM2-135M-Instruct" / "SmolLM2-135M-Instruct.gguf"
    with_template(source, real.models_dir / "Knows-4k", TEMPLATE)
    plain = asked(real, model="knows-4k", tools=[], max_tokens=1).usage.prompt_tokens
    told = asked(real, model="knows-4k", max_tokens=1).usage.prompt_tokens
    assert told > plain + 100  # the definitions as JSON; as signatures they are less than half of that
    assert told > asked(real, max_tokens=1).usage.prompt_tokens
    (choice,) = asked(real, model="knows-4k", tool_choice="required").choices
    (call,) = choice.message.tool_calls
    validate(json.loads(call.function.arguments), SCHEMAS[call.function.name])
    result = {"role": "tool", "tool_call_id": call.id, "content": "snow"}
    history = [*QUESTION, choice.message.model_dump(exclude_none=True), result]
    assert asked(real, model="knows-4k", messages=history, max_tokens=4).usage.prompt_tokens > told
