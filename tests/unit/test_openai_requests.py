"""OpenAI's requests, and logprobs back: the conversions that need no server."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.api.dialects.anthropic.types import MessagesRequest
from services.api.dialects.common import foreign
from services.api.dialects.common.answer import CollectedAnswer
from services.api.dialects.common.foreign_fields import IGNORED
from services.api.dialects.common.parameters import ALIASES, UNLIMITED, own_fields
from services.api.dialects.ollama.types import (
    OllamaChatRequest,
    OllamaEmbeddingsRequest,
    OllamaEmbedRequest,
    OllamaGenerateRequest,
)
from services.api.dialects.openai import requests
from services.api.dialects.openai.answers import ChatShape
from services.api.dialects.openai.text_shape import TextShape
from services.api.dialects.openai.types import ChatRequest, CompletionParameters, CompletionRequest
from services.api.dialects.responses.types import ResponsesRequest
from services.core.errors import BadRequest
from services.core.events import PromptToken, Text, TokenLogprob, TopLogprob
from services.core.message import ToolCall
from services.core.request import GenerationRequest
from services.core.sampling import Sampling


def chat_request(**fields: Any) -> ChatRequest:
    return msgspec.convert({"messages": [{"role": "user", "content": "x"}], **fields}, ChatRequest)


def ask(**fields: Any) -> GenerationRequest:
    return requests.chat(chat_request(**fields))


@pytest.mark.parametrize(
    ("response_format", "schema"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, {}),
        ({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}, {"type": "object"}),
        ({"type": "json_schema", "schema": {"type": "object"}}, {"type": "object"}),
        ({"type": "json_object", "schema": {"type": "object"}}, {"type": "object"}),
        ({"type": "json_object", "json_schema": {"schema": {"type": "object"}}}, {"type": "object"}),
    ],
)
def test_response_formats(response_format: Any, schema: Any) -> None:
    assert ask(response_format=response_format).json_schema == schema


@pytest.mark.parametrize(
    "fields",
    [
        {"json_schema": {"type": "object"}},
        {"guided_json": {"type": "object"}, "response_format": {"type": "text"}},
        {"guided_json": '{"type": "object"}', "json_schema": {"type": "object"}},
        {"structured_outputs": {"json": {"type": "object"}}},
    ],
)
def test_other_servers_names_of_a_schema(fields: dict[str, Any]) -> None:
    assert ask(**fields).json_schema == {"type": "object"}
    assert requests.ignored(chat_request(**fields)) == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"guided_json": "[]"}, "guided_json"),
        ({"json_schema": "{"}, "json_schema"),
        ({"guided_json": {}, "response_format": {"type": "json_object", "schema": {"type": "object"}}}, "guided_json"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}, "schema": {"type": "object"}}},
            "response_format.schema",
        ),
        ({"logit_bias": {"hello": 1}}, "logit_bias"),
        ({"function_call": {"name": "f"}}, "function_call"),
        (
            {
                "tools": [{"function": {"name": "f"}}],
                "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
            },
            "tool_choice",
        ),
        ({"logit_bias": {"-1": 1}}, "logit_bias"),
        ({"logit_bias": {"99999999": 1}}, "logit_bias"),
        ({"chat_template_kwargs": {"messages": []}}, "chat_template_kwargs.messages"),
        ({"chat_template_kwargs": {"tools": None}}, "chat_template_kwargs.tools"),
        ({"chat_template_kwargs": {"add_generation_prompt": False}}, "chat_template_kwargs.add_generation_prompt"),
        ({"chat_template_kwargs": {"enable_thinking": "false"}}, "chat_template_kwargs.enable_thinking"),
        ({"chat_template_kwargs": {"enable_thinking": 0}}, "chat_template_kwargs.enable_thinking"),
        ({"chat_template_kwargs": {"enable_thinking": []}}, "chat_template_kwargs.enable_thinking"),
        ({"chat_template_kwargs": {"a": [0] * 10_001}}, "chat_template_kwargs"),
        ({"messages": [{"role": "user", "content": {"a": 1}}]}, "messages[0].content"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "a", "images": ["x"]}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    ],
)
def test_what_has_no_sense_is_refused_by_its_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        ask(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"grammar": 'root ::= "a"', "guided_regex": "a+", "guided_choice": ["a"]},
         ["grammar", "guided_regex", "guided_choice"]),
        ({"structured_outputs": {"choice": ["a"]}}, ["structured_outputs.choice"]),
        ({"ignore_eos": True, "min_tokens": 5}, ["ignore_eos", "min_tokens"]),
        ({"ignore_eos": False, "min_tokens": 0, "mirostat": 0, "repeat_last_n": 64, "typical_p": 1.0}, []),
        ({"options": {"num_ctx": 1}, "thinking": {"type": "enabled"}}, ["thinking", "options"]),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, ["tools of the type custom"]),
        ({"output_format": {"type": "json"}, "output_config": {"a": 1}, "schema": {"type": "object"}, "prefix": "x",
          "continue_final_message": True, "banned_tokens": ["x"], "min_new_tokens": 3},
         ["output_format", "output_config", "min_new_tokens", "banned_tokens", "continue_final_message", "prefix",
          "schema"]),
        ({"response_format": {"type": "text", "schema": {"type": "object"}}}, ["response_format.schema"]),
        ({"top_logprobs": 3}, ["top_logprobs"]),
        ({"tools": [], "functions": [{"name": "f"}], "function_call": {"name": "f"}}, ["functions", "function_call"]),
        ({"functions": [{"name": "f"}], "tool_choice": "required"}, ["tool_choice"]),
        ({"functions": [{"name": "f"}], "tool_choice": {"type": "auto"}, "function_call": "none"}, []),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {}, "description": "A list."}}},
         ["response_format.json_schema.description"]),
        ({"messages": [{"role": "user", "content": "a", "name": "Ann"}, {"role": "tool", "content": "b", "name": "f"},
                       {"role": "assistant", "audio": {"id": "x"}}]}, ["messages.name", "messages.audio"]),
        ({"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
         ["stream_options.continuous_usage_stats"]),
        ({"top_logprobs": 3, "logprobs": True}, []),
        ({"cache_prompt": True, "ttl": 5, "draft_model": "x"}, []),
    ],
)  # fmt: skip
def test_what_would_change_the_answer_is_named(fields: dict[str, Any], names: list[str]) -> None:
    assert sorted(requests.ignored(chat_request(**fields))) == sorted(names)


def test_every_parameter_of_other_servers_is_honoured_or_named() -> None:
    honoured = {*Sampling.__struct_fields__, *ALIASES, *foreign.SCHEMAS, "structured_outputs", "rag"}
    assert set(foreign.ForeignParameters.__struct_fields__) == honoured | set(IGNORED)


LABELS = {
    "model", "stream", "stream_options", "user", "metadata", "store", "service_tier", "safety_identifier", "keep_alive",
    "prompt_cache_key", "prompt_cache_retention", "cache_control", "max_tool_calls", "status_events",
    "width", "height", "steps",
}  # fmt: skip
"""What a dialect has alone and no other needs to name: labels, hints, and what changes no text."""


@pytest.mark.parametrize(
    "kind",
    [ChatRequest, CompletionRequest, MessagesRequest, ResponsesRequest, OllamaChatRequest, OllamaGenerateRequest,
     OllamaEmbedRequest, OllamaEmbeddingsRequest],
)  # fmt: skip
def test_every_parameter_of_a_dialect_is_known_to_the_others(kind: type[foreign.ForeignParameters]) -> None:
    assert not own_fields(kind, foreign.ForeignParameters) - LABELS - set(foreign.ForeignParameters.__struct_fields__)


@pytest.mark.parametrize(
    ("kind", "fields", "names"),
    [
        (CompletionRequest, {"prompt": "a", "top_logprobs": 3, "add_special_tokens": True}, ["top_logprobs"]),
        (CompletionRequest, {"prompt": "a", "tools": [{}], "best_of": 2, "audio": {}}, ["best_of", "audio", "tools"]),
        (ChatRequest, {"messages": [{"role": "user"}], "echo": True, "suffix": "x", "n": 2, "stop": "x"},
         ["suffix", "echo"]),
        (ChatRequest, {"messages": [{"role": "user"}], "previous_response_id": "x", "images": []},
         ["previous_response_id"]),
    ],
)  # fmt: skip
def test_what_belongs_to_another_path_is_named_once(
    kind: type[CompletionParameters], fields: dict[str, Any], names: list[str]
) -> None:
    assert sorted(requests.ignored(msgspec.convert(fields, kind))) == sorted(names)


def test_other_names_and_signs_of_no_limit() -> None:
    found = ask(repetition_penalty=1.2, top_k=-1, max_tokens=-1, random_seed=7)
    assert (found.sampling.repeat_penalty, found.sampling.top_k, found.sampling.seed) == (1.2, 0, 7)
    assert found.max_tokens == ask(max_completion_tokens=-1, max_tokens=5).max_tokens == UNLIMITED
    assert ask(repetition_penalty=1.2, repeat_penalty=1.1).sampling.repeat_penalty == 1.1


def test_an_earlier_refusal_is_what_the_assistant_said() -> None:
    found = ask(messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "refusal": "No."}])
    assert [each.text for each in found.messages] == ["a", "No."]


CALL = {"function": {"name": "f", "arguments": "{}"}}


def test_odd_turns_of_a_history_are_read() -> None:
    found = ask(
        messages=[
            {"role": "user", "content": 10**40},
            {"role": "assistant", "content": None, "tool_calls": [{**CALL, "type": ""}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "so"}]},
            {"role": "tool"},
            {"role": "tool", "content": "a\0"},
            {"role": "tool", "content": {"ok": [True]}},
            {"role": "assistant", "tool_calls": [{"type": "custom", "custom": {"name": "g", "input": "x"}}]},
        ]
    )
    assert [message.text for message in found.messages] == [str(10**40), "", "so", "", "a\ufffd", '{"ok":[true]}', ""]
    assert [call for message in found.messages for call in message.calls] == [
        ToolCall("", "f", "{}"), ToolCall("", "g", '{"input": "x"}'),
    ]  # fmt: skip
    assert found.unread == []


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        ('{"q": ', None),
        ("[1]", None),
        ([1], None),
        (5, None),
        ([], "{}"),
        ("null", None),
        ('{"a": NaN}', None),
        ('{"a": "\\ud800"}', None),
        ("[" * 100_000, None),
        ('{"a":' * 100 + "1" + "}" * 100, None),
        ('{"a": "\\u0000"}', None),
        ("", "{}"),
        (None, "{}"),
        ({"a": 1}, '{"a": 1}'),
        ('{"a":"\\u003c|im_end|>"}', '{"a": "<|im_end|>"}'),
        ('{"\\u003cs>":"<\\/s>\\n\\u00e9"}', '{"<s>": "</s>\\né"}'),
        ('{"a":"as it is"}', '{"a":"as it is"}'),
    ],
)
def test_a_conversation_goes_on_whatever_an_earlier_call_contains(arguments: Any, read: str | None) -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": arguments}}
    found = ask(messages=[{"role": "assistant", "tool_calls": [call]}])
    assert found.messages[0].calls == (ToolCall("1", "f", read or "{}", unread=read is None),)
    assert found.unread == (["arguments of an earlier call"] if read is None else [])


def test_numbers_are_ids_of_calls() -> None:
    call = {"id": 7, "function": {"name": "f"}}
    found = ask(messages=[{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": 7}])
    assert (found.messages[0].calls[0].id, found.messages[1].call_id) == ("7", "7")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"function": {"name": f"f{i}", "parameters": {"a": "x" * 2**17}}} for i in range(5)]}, "tools"),
        ({"messages": [{"role": "assistant", "tool_calls": [
            {"function": {"name": "f", "arguments": f'{{"a": "{"x" * 2**17}"}}'}}]}] * 5}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}] * 4096}] * 5}, "messages"),
    ],
)  # fmt: skip
def test_what_fits_no_context_is_refused_before_the_work(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest, match="have more than") as caught:
        ask(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize("strict", [True, False, None])
def test_a_strict_tool(strict: bool | None) -> None:
    (tool,) = ask(tools=[{"function": {"name": "f", "strict": strict}}]).tools
    assert tool.strict is bool(strict)


@pytest.mark.parametrize(
    ("choice", "required"),
    [("any", True), ({"type": "any"}, True), ({"type": "auto"}, False), ({"type": "required"}, True)],
)
def test_a_choice_in_others_words(choice: Any, required: bool) -> None:
    found = ask(tools=[{"function": {"name": "f"}}], tool_choice=choice)
    assert ([tool.name for tool in found.tools], found.call_required) == (["f"], required)


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
        ({"chat_template_kwargs": {"enable_thinking": None}}, None),
    ],
)
def test_the_thinking_switch(fields: dict[str, Any], thinking: bool | None) -> None:
    found = ask(**fields)
    assert found.thinking is thinking
    assert "enable_thinking" not in found.template_kwargs


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


def test_a_part_of_a_character_does_not_pass_for_a_likelier_one() -> None:
    chosen = TokenLogprob("\ufffd", -5.0, top_logprobs=(TopLogprob("\ufffd", -0.1), TopLogprob("a", -3.0)))
    found = TextShape().piece(0, Text("", (chosen,))).logprobs
    assert found
    assert found.top_logprobs == [{"\ufffd": -0.1, "a": -3.0}]


def test_offsets_count_what_came_before() -> None:
    shape = TextShape("xyz", [PromptToken("xyz", None)])
    pieces = [shape.opening(0), shape.piece(0, Text("ab", (entry("ab"),))), shape.piece(0, Text("c", (entry("c"),)))]
    assert [piece and piece.logprobs and piece.logprobs.text_offset for piece in pieces] == [[0], [3], [5]]
    # A text that might begin a stop string comes behind its tokens.
    late = TextShape()
    held = [late.piece(0, Text("", (entry("ab"),))), late.piece(0, Text("abc", (entry("c"),)))]
    assert [piece.logprobs and piece.logprobs.text_offset for piece in held] == [[0], [2]]
    whole = shape.whole(0, CollectedAnswer(text="abc", logprobs=[entry("ab"), entry("c")]))
    assert whole.logprobs
    assert whole.logprobs.text_offset == [0, 3, 5]
