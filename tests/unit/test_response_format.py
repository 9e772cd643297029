"""Check tools as text, a demanded call as a schema, and JSON taken out of answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import validate

from services.answering.answer_run import respond
from services.answering.sources import RagState
from services.chat.rag.cache import cache_key
from services.chat.schemas.checks import schema_instructions
from services.chat.schemas.compile import compiled
from services.chat.schemas.match import Unsatisfied, matching_json
from services.chat.tokens import estimate_tokens
from services.chat.tools import prompt
from services.chat.tools.families import AUTO, BY_NAME
from services.chat.tools.grammar import arguments_schema, move_references
from services.core.errors import AnswerInvalid, BadRequest
from services.core.events import Done, Event, Notice, Text, TokenLogprob, ToolCallDelta, Usage, Waiting
from services.core.message import ToolCall, message
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest, Tool
from services.core.sampling import Sampling
from services.core.settings import Settings
from tests.grammars import allows
from tests.unit.test_plan import MODEL, USER, planned

WEATHER = Tool(
    "get_weather",
    "The weather of a city.\nUp to a week ahead.",
    {"properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}}, "required": ["city"]},
)
GUEST = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
BOOK = Tool("book", "", {"properties": {"guest": {"$ref": "#/$defs/Guest"}}, "$defs": {"Guest": GUEST},
                         "required": ["guest"]})  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        (WEATHER, 'get_weather(city: string, unit?: "c" | "f"): The weather of a city. Up to a week ahead.'),
        (Tool("now"), "now()"),
        (Tool("f", "", {"properties": {"a": {"type": "array", "items": {"type": "integer"}}}}), "f(a?: integer[])"),
        (Tool("f", "", {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}),
         "f(a?: string | null)"),
        (Tool("f", "", {"properties": {"a": {"properties": {"b": {"type": ["number", "null"]}}}}}),
         "f(a?: {b: number | null})"),
        (Tool("f", "word " * 50), f"f(): {'word ' * 31}word ..."),
    ],
)  # fmt: skip
def test_signatures(tool: Tool, text: str) -> None:
    assert prompt.tool_signature(tool) == text


def test_a_conversation_with_calls_as_text() -> None:
    call = ToolCall("1", "f", '{"a": 1}')
    messages = (
        USER,
        replace(message("assistant", "I look."), calls=(call,)),
        replace(message("tool", "5"), call_id="1"),
        replace(message("tool", "6"), call_id="unknown"),
    )
    assert prompt.calls_as_text(messages, BY_NAME["hermes"]) == (
        USER,
        message("assistant", 'I look.\n<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'),
        message("user", "Result of f:\n5\n\nResult of the function:\n6"),
    )
    assert prompt.calls_as_text((USER, USER), AUTO) == (USER, USER)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ({"name": "get_weather", "arguments": {"city": "Rome"}}, True),
        ({"name": "get_weather", "arguments": {}}, False),
        ({"name": "book", "arguments": {"guest": {"name": "Ann"}}}, True),
        ({"name": "book", "arguments": {"guest": {}}}, False),
        ({"name": "now", "arguments": {}}, True),
        ({"name": "now", "arguments": {"a": 1}}, False),
        ({"name": "other", "arguments": {}}, False),
        ({"guest": {"name": "Ann"}}, None),
    ],
)
def test_the_grammar_of_a_call(value: Any, right: bool | None) -> None:
    calls = {tool.name: arguments_schema(tool) for tool in (WEATHER, BOOK, Tool("now"))}
    own = {"properties": {"guest": {"$ref": "#/$defs/G"}}, "$defs": {"G": GUEST}, "required": ["guest"],
           "additionalProperties": False, "type": "object"}  # fmt: skip
    assert allows(compiled(calls, None).rules, json.dumps(value)) is bool(right)
    assert allows(compiled(calls, own).rules, json.dumps(value)) is (right is not False)


@pytest.mark.parametrize("key", ["const", "default"])
def test_data_in_a_schema_are_no_references(key: str) -> None:
    data = {"$ref": "#/a"}
    moved = move_references({"properties": {key: {"$ref": "#/$defs/G", key: data}}}, "#/x")
    assert moved == {"properties": {key: {"$ref": "#/x/$defs/G", key: data}}}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"type": None, "properties": {}},
        {"type": "object", "properties": {}, "required": [], "title": "N", "description": "None."},
    ],
)
def test_a_tool_whose_schema_has_no_properties_takes_no_arguments(parameters: dict[str, Any]) -> None:
    rules = compiled({"now": arguments_schema(Tool("now", "", parameters))}, None).rules
    assert [allows(rules, json.dumps({"name": "now", "arguments": each})) for each in ({}, {"a": 1})] == [True, False]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', '{"a": 1}'),
        (' \n{"a": 1}\n', '{"a": 1}'),
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('```\n{"a": "x"}\n```\nor\n```json\n{"a": 1}\n```', '{"a": 1}'),
        ('Sure: {"a": 1}. Bye', '{"a": 1}'),
        ('{"a": NaN}', None),
        ('{"a": "x"}', None),
        ('{"a": 1, "a": 2}', None),
        ('{"a": 1', None),
        ('"\\ud800"', None),
        ("[" * 50_000, None),
        ("", None),
    ],
)
def test_json_is_taken_out_of_an_answer(text: str, found: str | None) -> None:
    wanted = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    if found is None:
        with pytest.raises(Unsatisfied):
            matching_json(text, wanted)
    else:
        assert matching_json(text, wanted) == found
        validate(json.loads(found), wanted)


def test_instructions_leave_out_what_only_people_read_in_a_schema() -> None:
    told = schema_instructions(
        {"title": "T", "properties": {"title": {"type": "string", "title": "X", "description": "d"}}, "default": {}}
    )
    assert '{"properties":{"title":{"type":"string","description":"d"}}}' in told
    assert "JSON object" in schema_instructions({})


def test_tools_make_a_kept_answer_another_one() -> None:
    generation = GenerationRequest((USER,))
    keys = {cache_key(planned(replace(generation, tools=tools)), "a") for tools in ((), (WEATHER,), (BOOK,))}
    assert len(keys) == 3
    assert cache_key(planned(generation), "a") == cache_key(planned(generation), "a")


def test_sources_get_less_room_where_there_are_tools() -> None:
    generation = GenerationRequest((USER,))
    page = " ".join(f"The tower number {number} of Eastwick is {number} metres high." for number in range(900))
    source = f'<source id="1" name="Towers">{page}</source>'
    generation = GenerationRequest((message("user", f"<context>\n{source}\n</context>\nHow high is tower 7?"),))
    rag = RagState(Settings(), Metrics())
    alone, beside = (
        rag.prepare(each, MODEL).outcome for each in (generation, replace(generation, tools=(WEATHER,) * 20))
    )
    assert alone
    assert beside
    assert alone.decision.used
    assert beside.decision.tokens < alone.decision.tokens


HERMES = "{% if tools %}<tool_call>{% endif %}"
PLAIN = replace(MODEL, engine="rkllm")
END = Done("stop", Usage(10, 5), {"prefill": 1.0})


def answered(request: EngineRequest, *texts: str) -> tuple[list[Event], list[EngineRequest]]:
    """The events of an answer by an engine that writes each of `texts` once, and the requests that it got."""
    requests: list[EngineRequest] = []

    def serve(request: EngineRequest) -> Iterator[Event]:
        requests.append(request)
        yield Text(texts[len(requests) - 1])
        yield END

    return [event for event in respond(request, serve) if event != Waiting("decode")], requests


def test_a_second_attempt_gets_the_complaint_and_counts_with_the_first() -> None:
    request = planned(GenerationRequest((USER,), json_schema={"required": ["a"]}), PLAIN)
    events, (first, second) = answered(request, '{"b": 1}', '{"a": 1}')
    assert events == [
        Notice("warning", "retried: response_format"),
        Waiting("retry", reason="response_format"),
        Text('{"a": 1}'),
        Done("stop", Usage(20, 10), {"prefill": 2.0}),
    ]
    assert second.messages[:-2] == first.messages
    assert second.messages[-2] == message("assistant", '{"b": 1}')
    assert '"a" is a required property' in second.messages[-1].text
    assert second.prompt_tokens_estimate > first.prompt_tokens_estimate


def test_the_engine_with_grammars_gets_one_and_its_answer_is_sent_as_it_comes() -> None:
    pieces: list[Event] = [Text('{"a"'), Text(": 1}")]
    request = planned(GenerationRequest((USER,), json_schema={"required": ["a"]}))
    given = []

    def serve(request: EngineRequest) -> Iterator[Event]:
        given.append(request.grammar)
        yield from (*pieces, END)

    assert list(respond(request, serve)) == [*pieces, END]
    assert allows(given[0], '{"a": 1}')
    assert not allows(given[0], "{}")


@pytest.mark.parametrize("text", ["{}", 'Well: {"a": 1}', '{"a": 1, "a": 2}'])
def test_an_answer_that_breaks_its_grammar_has_no_end(text: str) -> None:
    request = planned(GenerationRequest((USER,), json_schema={"required": ["a"]}))
    events = respond(request, lambda request: iter([Text(text), END]))
    assert next(events) == Text(text)
    with pytest.raises(AnswerInvalid, match="although a grammar enforced it"):
        next(events)


def test_an_answer_that_was_cut_off_is_not_checked() -> None:
    request = planned(GenerationRequest((USER,), json_schema={"required": ["a"]}))
    cut = Done("length", Usage())
    assert list(respond(request, lambda request: iter([Text("{"), cut]))) == [Text("{"), cut]


def test_a_raw_answer_is_checked_as_well() -> None:
    request = planned(GenerationRequest(prompt="x", json_schema={"required": ["a"]}), PLAIN)
    events, requests = answered(request, "{}", "{}", '{"a": 1}')
    assert Text('{"a": 1}') in events
    assert [request.prompt for request in requests] == ["x"] * 3


def test_another_attempt_has_another_seed() -> None:
    generation = GenerationRequest((USER,), json_schema={"required": ["a"]}, sampling=Sampling(seed=5))
    _, requests = answered(planned(generation, PLAIN), "{}", "{}", '{"a": 1}')
    assert [request.sampling.seed for request in requests] == [5, 6, 7]


def test_three_wrong_answers_are_an_error() -> None:
    request = planned(GenerationRequest((USER,), json_schema={"required": ["a"]}), PLAIN)
    with pytest.raises(AnswerInvalid, match="3 attempts"):
        answered(request, "{}", "{}", "{}")


def test_an_answer_that_continues_the_assistants_message_cannot_be_json() -> None:
    generation = GenerationRequest((USER, message("assistant", "It is")), json_schema={})
    with pytest.raises(BadRequest, match="begins anew"):
        respond(planned(generation), lambda request: iter(()))


def test_a_model_is_told_of_a_schema_that_its_grammar_does_not_enforce() -> None:
    request = planned(GenerationRequest((USER,), json_schema={"type": "array", "uniqueItems": True}))
    _, (first,) = answered(request, "[1]")
    assert '"uniqueItems":true' in first.messages[0].text
    assert first.prompt_tokens_estimate > request.prompt_tokens_estimate
    assert allows(first.grammar, "[1, 1]")


def test_what_was_held_back_and_is_right_goes_out_as_it_came() -> None:
    request = planned(GenerationRequest((USER,), json_schema={"uniqueItems": True}))
    pieces = [Text("[1,", (TokenLogprob("[1,", -1.0),)), Text(" 2]", (TokenLogprob(" 2]", -1.0),))]
    events = respond(request, lambda request: iter([*pieces, Done("stop", Usage())]))
    assert [event for event in events if isinstance(event, Text)] == pieces


def test_leaving_while_an_answer_is_held_back_ends_the_run() -> None:
    closed = []

    def serve(request: EngineRequest) -> Iterator[Event]:
        try:
            yield Text("a")
            yield Text("b")
        finally:
            closed.append(True)

    events = respond(planned(GenerationRequest((USER,), json_schema={}), PLAIN), serve)
    assert next(events) == Waiting("decode")
    events.close()  # type: ignore[attr-defined]
    assert closed


def test_a_schema_that_refers_to_another_document_is_refused() -> None:
    with pytest.raises(BadRequest, match="response_format"):
        respond(planned(GenerationRequest((USER,), json_schema={"$ref": "https://example.com/x"})), lambda _: iter(()))


def test_a_demanded_call_is_urged_for_where_a_template_tells_of_the_tools() -> None:
    model = replace(PLAIN, chat_template=HERMES)
    request = planned(GenerationRequest((USER,), tools=(WEATHER,), call_required=True), model)
    assert request.check_call
    assert request.template_kwargs["tools"][0]["function"]["name"] == "get_weather"
    assert "Answer with a call" in request.messages[0].text
    assert planned(GenerationRequest((USER,), tools=(WEATHER,)), model).messages == (USER,)


def test_a_call_is_judged_by_the_schema_of_its_grammar() -> None:
    tool = Tool("now", "", {"type": None, "properties": {}})
    request = planned(GenerationRequest((USER,), tools=(tool,), call_required=True), PLAIN)
    events, _ = answered(request, '{"name": "now", "arguments": {}}')
    assert isinstance(events[-1], Done)


STRICT = replace(WEATHER, strict=True)
RIGHT = '<tool_call>{"name": "get_weather", "arguments": {"city": "Rome"}}</tool_call>'
WRONG = '<tool_call>{"name": "get_weather", "arguments": {"town": "Rome"}}</tool_call>'


def calls(events: list[Event]) -> list[str]:
    return [event.arguments for event in events if isinstance(event, ToolCallDelta) and event.arguments]


@pytest.mark.parametrize("model", [MODEL, PLAIN])
@pytest.mark.parametrize("schema", [None, {"uniqueItems": True}])
def test_a_wrong_call_of_a_strict_tool_is_repeated(model: Model, schema: dict[str, Any] | None) -> None:
    generation = GenerationRequest((USER,), tools=(STRICT,), json_schema=schema)
    events, (_, second) = answered(planned(generation, model), WRONG, RIGHT)
    assert calls(events) == ['{"city": "Rome"}']
    assert "required" in second.messages[-1].text


def test_a_wrong_call_of_another_tool_passes() -> None:
    events, _ = answered(planned(GenerationRequest((USER,), tools=(WEATHER,))), WRONG)
    assert calls(events) == ['{"town": "Rome"}']


def test_the_text_beside_strict_tools_is_sent_as_it_comes() -> None:
    request = planned(GenerationRequest((USER,), tools=(STRICT,)))
    events = respond(request, lambda request: iter([Text("I look. "), Text(WRONG), END]))
    assert next(events) == Text("I look. ")
    with pytest.raises(AnswerInvalid, match="sent already"):
        list(events)


def test_a_strict_tool_with_an_invalid_schema_is_refused() -> None:
    tool = Tool("f", "", {"properties": {"a": {"type": "text"}}}, strict=True)
    with pytest.raises(BadRequest, match="tool 'f' cannot be used"):
        respond(planned(GenerationRequest((USER,), tools=(tool,))), lambda _: iter(()))


@pytest.mark.parametrize("model", [MODEL, PLAIN])
def test_a_stop_string_that_cuts_the_json_is_named(model: Model) -> None:
    request = planned(GenerationRequest((USER,), json_schema={}, stop=("a",)), model)
    with pytest.raises(AnswerInvalid, match="Leave `stop` out"):
        list(respond(request, lambda request: iter([Text('{"'), Done("stop", Usage(), stop="a")])))


def test_megabytes_of_tools_are_refused_with_their_estimate() -> None:
    tool = Tool("f", "", {"properties": {"a": {"enum": [f"value {n}" for n in range(20_000)]}}})
    tokens = estimate_tokens(prompt.tool_instructions([tool], AUTO, required=False))
    with pytest.raises(BadRequest, match=f"about {tokens} tokens"):
        planned(GenerationRequest((USER,), tools=(tool,)), PLAIN)


@pytest.mark.parametrize(("context", "told"), [(4096, "template"), (300, "text"), (100, None)])
def test_tools_too_large_for_the_template_become_a_compact_text(context: int, told: str | None) -> None:
    model = replace(PLAIN, chat_template=HERMES, context_length=context)
    generation = GenerationRequest((USER,), tools=(WEATHER, BOOK))
    if told is None:
        with pytest.raises(BadRequest, match="2 tools"):
            planned(generation, model)
        return
    request = planned(generation, model)
    assert ("tools" in request.template_kwargs) is (told == "template")
    assert ("get_weather(city" in request.messages[0].text) is (told == "text")
