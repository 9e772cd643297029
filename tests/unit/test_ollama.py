"""Ollama's requests, and events and models in its words: the conversions that need no server."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.api.dialects.common.answer import collected
from services.api.dialects.ollama import answers, models, requests
from services.api.dialects.ollama.keep_alive import keep_alive
from services.api.dialects.ollama.stream import error_frame, frames
from services.api.dialects.ollama.types import (
    OllamaChatRequest,
    OllamaEmbeddingsRequest,
    OllamaEmbedRequest,
    OllamaGenerateRequest,
    OllamaModelRequest,
)
from services.api.http.stream import encode_json
from services.core.errors import BadRequest, EngineFailed
from services.core.events import (
    Done,
    Event,
    Notice,
    Reasoning,
    Text,
    TokenLogprob,
    ToolCallDelta,
    TopLogprob,
    Usage,
    Waiting,
)
from services.core.model import Model
from services.core.request import GenerationRequest
from services.core.trace import Trace
from services.engines.base import EngineSpec
from services.engines.registry import SPECS
from services.models import gguf
from tests.gguf_file import Value, write_gguf

MODEL = Model("m", Path("nowhere/m.gguf"), "llama", 4096, 0, 7)


def converted(**fields: Any) -> GenerationRequest:
    body = {"messages": [{"role": "user", "content": "x"}], **fields}
    return requests.chat(msgspec.convert(body, OllamaChatRequest), MODEL)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None), (0, 0), (5, 5), (2.5, 2.5), (-1, math.inf), ("0", 0), ("-1", math.inf), ("-1m", math.inf),
        ("300", 300), ("5m", 300), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25), ("+2s", 2), ("10us", 1e-5),
        ("10µs", 1e-5), (" 5s ", 5), ("9" * 400, math.inf), (".5h", 1800), ("1.m2s", 62), ("5m3", 303),
        ("", None), (" ", None), ("1d", 86400), ("1d12h", 129600), (0.0, 0),
    ],
)  # fmt: skip
def test_keep_alive(value: float | str | None, seconds: float | None) -> None:
    assert keep_alive(value) == (seconds if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    "value", ["soon", "5x", "5 m", "-", "m", "1w", "\u0665m", "5m\nx", "--5", ".", "1" * 100_000 + "x"]
)
@pytest.mark.timeout(5)
def test_what_is_no_duration_is_refused(value: str) -> None:
    with pytest.raises(BadRequest, match="keep_alive"):
        keep_alive(value)


@pytest.mark.parametrize(("given", "schema"), [(None, None), ("", None), ("json", {}), ({"type": "object"},) * 2])
def test_formats(given: Any, schema: Any) -> None:
    assert converted(format=given).json_schema == schema


@pytest.mark.parametrize(("think", "thinking"), [(None, None), (True, True), (False, False), ("low", True)])
def test_the_thinking_switch(think: Any, thinking: bool | None) -> None:
    assert converted(think=think).thinking is thinking


@pytest.mark.parametrize(("given", "limit"), [(None, None), (7, 7), (0, 4096), (-1, 4096), (-2, 4096)])
def test_how_many_tokens(given: int | None, limit: int | None) -> None:
    assert converted(options={"num_predict": given}).max_tokens == limit


def test_sampling() -> None:
    options = {"temperature": 0.5, "top_k": 5, "top_p": 0.9, "min_p": 0.1, "repeat_penalty": 1.1,
               "presence_penalty": 0.2, "frequency_penalty": 0.3, "seed": 9, "stop": "x"}  # fmt: skip
    found = converted(options=options)
    told = {name: value for name in options if (value := getattr(found.sampling, name, None)) is not None}
    assert told == {name: value for name, value in options.items() if name != "stop"}
    assert found.stop == ("x",)
    assert converted(options={"seed": -1}).sampling.seed is None


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("temperature", 3, 3), ("temperature", -1, 0), ("top_k", -1, 0), ("top_k", 200, 200), ("top_p", 1.5, 1),
        ("top_p", -0.5, 0), ("min_p", 2, 1), ("presence_penalty", -3, -3), ("frequency_penalty", 5, 5),
    ],
)  # fmt: skip
def test_ollama_checks_no_ranges(name: str, value: float, meant: float) -> None:
    assert getattr(converted(options={name: value}).sampling, name) == meant


REQUESTS = (OllamaChatRequest, OllamaGenerateRequest, OllamaEmbedRequest, OllamaEmbeddingsRequest, OllamaModelRequest)

BOUNDS = {"string": "maxLength", "array": "maxItems", "integer": "maximum", "object": "maxProperties"}
"""The bound in a schema of each type that could be large."""


def unbounded(schema: Any, place: str) -> Iterator[str]:
    """The places in a JSON schema where a client may send as much as it likes; what is given by name is none."""
    if isinstance(schema, list):
        for item in schema:
            yield from unbounded(item, place)
    elif isinstance(schema, dict):
        bound = BOUNDS.get(schema.get("type", ""))
        if bound and not schema.keys() & {bound, "enum", "properties"}:
            yield place
        for name, field in schema.get("properties", {}).items():
            yield from unbounded(field, f"{place}.{name}")
        for key in ("items", "anyOf"):
            yield from unbounded(schema.get(key), place)


def test_every_field_of_a_request_has_a_bound_that_is_published() -> None:
    _, components = msgspec.json.schema_components(REQUESTS)
    ours = {name: schema for name, schema in components.items() if name.startswith("Ollama")}
    assert not [
        place for name, schema in ours.items() for place in unbounded(schema, name) if "logit_bias" not in place
    ]


def test_sources_can_be_left_as_they_are() -> None:
    assert (converted(rag=False).rag, converted(rag=None).rag) == (False, True)


def test_logprobs_need_the_switch() -> None:
    assert converted(top_logprobs=3).logprobs is None
    assert requests.ignored(OllamaChatRequest(top_logprobs=3), MODEL) == ["top_logprobs"]
    assert requests.ignored(OllamaChatRequest(top_logprobs=3, logprobs=True), MODEL) == []
    assert converted(logprobs=True, top_logprobs=3).logprobs == 3


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"temperature": 7, "seed": 1, "num_ctx": 5, "stop": ["x"], "max_tokens": 5, "n": 2},
         ["temperature", "seed", "num_ctx", "stop", "max_tokens", "n"]),
        ({"tool_choice": "required", "response_format": {"type": "json_object"}}, ["response_format", "tool_choice"]),
        ({"grammar": "x", "ignore_eos": True, "structured_outputs": {"regex": "a"}},
         ["grammar", "ignore_eos", "structured_outputs.regex"]),
        ({"tool_choice": "auto", "stop": [], "format": "json", "options": {"num_predict": 5}}, []),
        ({"options": {"grammar": "x", "json_schema": {}, "n_predict": 5, "ignore_eos": True, "min_tokens": 3}},
         ["options.json_schema", "options.grammar", "options.ignore_eos", "options.min_tokens", "options.n_predict"]),
        ({"system": "Be short.", "prompt": "a", "context": [1]}, ["system", "prompt", "context"]),
        ({"options": {"max_tokens": 5, "repeat_last_n": 5, "mirostat": 2}},
         ["options.max_tokens", "options.mirostat", "options.repeat_last_n"]),
    ],
)  # fmt: skip
def test_what_belongs_elsewhere_is_named(fields: dict[str, Any], names: list[str]) -> None:
    assert sorted(requests.ignored(msgspec.convert(fields, OllamaChatRequest), MODEL)) == sorted(names)


def test_other_servers_names_of_a_schema_are_honoured() -> None:
    schema = {"type": "object"}
    assert converted(json_schema=schema).json_schema == schema
    assert converted(guided_json='{"type": "object"}', format=schema).json_schema == schema
    assert converted(options={"repetition_penalty": 1.2}).sampling.repeat_penalty == 1.2
    with pytest.raises(BadRequest, match="differ"):
        converted(json_schema=schema, format="json")


def test_calls_and_their_results_find_each_other() -> None:
    def made(name: str, **more: Any) -> dict[str, Any]:
        return {"function": {"name": name, "arguments": {"city": "Köln"}}, **more}

    found = converted(
        messages=[
            {"role": "assistant", "tool_calls": [made("a"), made("b"), made("a", id="mine")]},
            {"role": "tool", "content": "of b", "tool_name": "b"},
            {"role": "tool", "content": "of mine", "tool_call_id": "mine"},
            {"role": "tool", "content": "of a", "name": "a"},
            {"role": "tool", "content": "of nobody", "tool_name": "a"},
        ]
    ).messages
    calls = found[0].calls
    assert [call.id for call in calls] == ["call_0_0", "call_0_1", "mine"]
    assert json.loads(calls[0].arguments) == {"city": "Köln"}
    assert [message.call_id for message in found[1:]] == ["call_0_1", "mine", "call_0_0", None]
    assert [message.name for message in found[1:]] == ["b", None, "a", "a"]
    assert [message.text for message in found] == ["", "of b", "of mine", "of a", "of nobody"]


@pytest.mark.parametrize(
    ("sent", "read"), [('{"a": 1}', '{"a": 1}'), ({"a": 1}, '{"a": 1}'), (None, "{}"), ([1], None), ("{", None)]
)
def test_a_conversation_goes_on_whatever_an_earlier_call_contains(sent: Any, read: str | None) -> None:
    call = {"id": 1, "function": {"name": "f", "arguments": sent}}
    found = converted(messages=[{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": 1}])
    (made,) = found.messages[0].calls
    assert (made.id, made.arguments, made.unread) == ("1", read or "{}", read is None)
    assert found.messages[1].call_id == "1"


def head() -> answers.AnswerHead:
    return answers.AnswerHead("m", Trace())


def objects(*events: Event) -> list[dict[str, Any]]:
    stream = frames(head(), answers.OllamaChatShape(), iter(events))
    body = b"".join(frame for frame in stream if isinstance(frame, bytes))
    return [json.loads(line) for line in body.splitlines()]


def whole(*events: Event) -> Any:
    shown: list[Notice] = []
    return json.loads(
        encode_json(answers.whole(head(), answers.OllamaChatShape(), collected(iter(events), shown.append)))
    )


CALLS = (
    ToolCallDelta(0, '{"city":', "id0", "weather"),
    ToolCallDelta(0, ' "Rome"}'),
    ToolCallDelta(1, "", "id1", "time"),
    ToolCallDelta(2, '{"cut', "id2", "weather"),
    Done("tool_calls", Usage(3, 4)),
)
WANTED = [
    {"id": "id0", "function": {"index": 0, "name": "weather", "arguments": {"city": "Rome"}}},
    {"id": "id1", "function": {"index": 1, "name": "time", "arguments": {}}},
]


def test_calls_are_whole_objects_in_streams_and_answers() -> None:
    *_, calls, last = objects(Text("I look."), *CALLS)
    assert calls["message"]["tool_calls"] == WANTED
    assert (last["done_reason"], last["done"]) == ("stop", True)
    assert whole(*CALLS)["message"]["tool_calls"] == WANTED


def test_thinking_is_a_field_of_its_own() -> None:
    thought, text, _ = objects(Reasoning("why"), Text("so"), Done("stop", Usage()))
    assert (thought["message"]["thinking"], thought["message"]["content"]) == ("why", "")
    assert (text["message"].get("thinking", ""), text["message"]["content"]) == ("", "so")


@pytest.mark.parametrize("arguments", ["[]", "5", "[" * 100_000, "{"])
def test_a_call_without_an_object_is_left_out(arguments: str) -> None:
    *_, last = objects(ToolCallDelta(0, arguments, "id", "f"), Done("length", Usage()))
    assert last["done_reason"] == "length"


def test_reasoning_notices_and_heartbeats() -> None:
    notice = Notice("state", "loading")
    events: list[Event] = [notice, Waiting("loading"), Reasoning("why"), Text("so"), Done("stop", Usage())]
    first, heartbeat, *lines = frames(head(), answers.OllamaGenerateShape(), iter(events))
    assert (first, heartbeat) == (notice, b" ")
    reasoning, text, last = [json.loads(line) for line in lines if isinstance(line, bytes)]
    assert (reasoning["thinking"], reasoning["response"], reasoning["done"]) == ("why", "", False)
    assert (text["response"], "thinking" in text, "done_reason" in text) == ("so", False, False)
    assert (last["done"], last["done_reason"], last["response"]) == (True, "stop", "")


def test_an_error_is_a_line() -> None:
    assert error_frame(EngineFailed("It died.")) == b'{"error":"It died."}\n'


def test_the_times_are_the_engines_where_it_tells_them_else_ours() -> None:
    trace = Trace(seconds={"load": 0.5, "prefill": 1.0, "decode": 2.0})
    here = answers.AnswerHead("m", trace)
    last = answers.ended(answers.OllamaGenerateShape().part(here), here, "stop", Usage(3, 4), {"prefill": 0.25})
    assert last.load_duration == 500_000_000
    assert last.prompt_eval_duration == 250_000_000
    assert last.eval_duration == 2_000_000_000


def test_logprobs_have_ollamas_keys_alone() -> None:
    logprob = TokenLogprob("a", -0.5, [1], (TopLogprob("a", -0.5, [1]),))
    (piece, _) = objects(Text("a", (logprob,)), Done("stop", Usage()))
    plain = {"token": "a", "logprob": -0.5, "bytes": [1]}
    assert piece["logprobs"] == [{**plain, "top_logprobs": [plain]}]


@pytest.mark.parametrize(
    ("name", "size", "quantization"),
    [
        ("Qwen3-1.7B-w8a8-rk3588", "1.7B", "W8A8"),
        ("qwen2.5-3b-w4a16-g128-opt1", "3B", "W4A16-G128"),
        ("gemma", "", ""),
        ("b2b-sales-4k", "", ""),
    ],
)
def test_what_the_name_of_an_npu_model_tells(tmp_path: Path, name: str, size: str, quantization: str) -> None:
    model = Model(name.lower(), tmp_path / f"{name}.rkllm", "rkllm", 4096, 0, 0)
    found = models.model_details(model)
    assert (found.parameter_size, found.quantization_level) == (size, quantization)
    assert (found.format, found.families) == ("rkllm", [])


def test_what_a_gguf_tells(tmp_path: Path) -> None:
    path = write_gguf(
        tmp_path / "m.gguf",
        {
            "general.architecture": "qwen3", "general.size_label": "0.6B", "general.file_type": 15,
            "qwen3.context_length": 40960, "tokenizer.ggml.tokens": ["a"] * 50,
        },
    )  # fmt: skip
    able = frozenset({"chat", "embedding"})
    model = Model("m", path, "llama", 8192, 0, 0, capabilities=able, chat_template="<think>")
    shown = models.shown_model(model)
    assert shown.details.quantization_level == "Q4_K_M"
    assert shown.details.parameter_size == "0.6B"
    assert shown.template == "<think>"
    assert shown.model_info["general.parameter_count"] == 600_000_000
    assert shown.model_info["qwen3.context_length"] == 8192, "the context a request can use"
    assert {"completion", "thinking", "embedding"} <= set(shown.capabilities)


def test_long_words_of_a_gguf_are_cut(tmp_path: Path) -> None:
    long: dict[str, Value] = {"general.architecture": "a" * 100_000, "general.size_label": "B" * 100_000}
    model = Model("m", write_gguf(tmp_path / "m.gguf", long), "llama", 8192, 0, 0)
    details = models.listed_model(model).details
    assert (details.parameter_size, details.family, details.families) == ("B" * 64, "a" * 64, ["a" * 64])


@pytest.mark.parametrize(
    ("size", "count"), [("135M", 135_000_000), ("1.7B", 1_700_000_000), ("8x7B", None), ("", None), ("BIG", None)]
)
def test_the_count_of_parameters_is_that_of_the_label(size: str, count: int | None) -> None:
    assert models.parameter_count(size) == ({} if count is None else {"general.parameter_count": count})


def test_a_model_whose_file_cannot_be_read_is_described_all_the_same(tmp_path: Path) -> None:
    for data in (b"", b"GGUF", b"GGUF\xff\xff\xff\xff"):
        (tmp_path / "m.gguf").write_bytes(data)
        models.metadata_of.cache_clear()
        model = Model("m", tmp_path / "m.gguf", "llama", 1, 0, 0)
        assert models.metadata_of(model) == {}
    assert models.shown_model(MODEL).details.family == ""


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_only_a_model_of_an_accelerator_takes_memory_of_one(spec: EngineSpec) -> None:
    model = replace(MODEL, engine=spec.name)
    taken = 0 if spec.device == "cpu" else model.size_bytes
    assert models.running_model(model, 0).size_vram == taken


def test_a_template_that_is_cut_off_is_no_template(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", {"tokenizer.chat_template": "x" * 100})
    assert gguf.chat_template(path) == "x" * 100
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(gguf.NotGguf):
        gguf.chat_template(path)


def test_a_digest_changes_with_the_file() -> None:
    digests = {models.file_digest(Model("m", Path(), "llama", 1, created, size)) for created, size in
               ((0, 0), (0, 1), (1, 0))}  # fmt: skip
    assert len(digests) == 3


def test_tools_are_offered() -> None:
    city = {"type": "object", "properties": {"city": {"type": "string"}}}
    (tool,) = converted(tools=[{"type": "function", "function": {"name": "weather", "parameters": city}}]).tools
    assert (tool.name, tool.parameters) == ("weather", city)
    with pytest.raises(BadRequest, match="same name"):
        converted(tools=[{"function": {"name": "weather"}}] * 2)


def test_a_model_that_shall_call_no_tools_has_no_such_capability() -> None:
    assert "tools" in models.capabilities(MODEL)
    assert "tools" not in models.capabilities(replace(MODEL, tools="off"))
