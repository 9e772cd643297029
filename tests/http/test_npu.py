"""The NPU engine behind the API: what is told in headers, statuses and error events. On the simulated runtime."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from services.api.app import App, build
from services.core.settings import Settings
from tests.engines import REAL_EMBEDDER, REAL_MODELS, children_of
from tests.http.conftest import Api, chunks
from tests.npu import features_of, lock_is_free, npu_settings
from tests.simulator.build import RELEASES
from tests.simulator.model import answer, chatml, tokens, write_model

Maker = Callable[..., Api]

WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"required": ["city"]}}}
CALL = '{"name": "get_weather", "arguments": {"city": "Paris"}}'
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
STRICT = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": CITY}}

TOOL_TEMPLATE = (
    "{% if tools %}<|im_start|>system\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    "Answer with <tool_call>.<|im_end|>\n{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function.arguments.city }}</tool_call>{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Knows tools, and takes a call's arguments as an object, as published templates do."""


def say(text: str) -> str:
    return f"Say it. [[say={quote(text)} chunk=7]]"


each_release = pytest.mark.parametrize("release", RELEASES)


@pytest.fixture
def npu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    apps: list[App] = []

    def maker(release: str, *, tokenizer: bool = True, **env: str) -> Api:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        write_model(tmp_path / "sim", tokenizer=tokenizer)
        settings: Settings = npu_settings(tmp_path, release, monitor_interval=3600, heartbeat_interval=30)
        apps.append(build(settings))
        return Api(apps[-1])

    before = children_of(os.getpid())
    yield maker
    for app in apps:
        app.stop()
    assert children_of(os.getpid()) <= before
    assert lock_is_free(tmp_path / "npu.lock")


def expected(text: str) -> str:
    return answer(chatml(({"role": "user", "content": text},)))


@each_release
def test_a_chat_and_its_usage(npu: Maker, release: str) -> None:
    api = npu(release)
    first = api.chat("Hello.").json
    text = first["choices"][0]["message"]["content"]
    assert text == expected("Hello.")
    messages = [
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": text},
        {"role": "user", "content": "Go on."},
    ]
    usage = api.post("/v1/chat/completions", {"messages": messages}).json["usage"]
    held = first["usage"]["total_tokens"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == held
    assert usage["prompt_tokens"] > held


@each_release
def test_what_the_npu_ignores_is_named(npu: Maker, release: str) -> None:
    api = npu(release)
    assert "X-RKLLM-Warning" not in api.chat("Hello.", temperature=0.8, top_p=0.9).headers
    result = api.chat("Hello.", seed=1, min_p=0.1, logprobs=True, temperature=0.5, stream=True)
    expected = "min_p, seed, logprobs" + ("" if features_of(release).sampling_per_run else ", temperature")
    assert result.headers["X-RKLLM-Warning"] == f"ignored: {expected}; see docs/api.md"


@pytest.mark.parametrize(("release", "fault"), [("1.2.3", "error"), ("1.3.0", "error"), ("1.3.0", "segv")])
def test_a_fault_in_an_answer_is_a_502_or_an_error_event_and_the_next_answer_comes(
    npu: Maker, release: str, fault: str
) -> None:
    api = npu(release)
    broken = api.chat(f"Hello. [[fault={fault} at=3]]")
    assert broken.status_code == 502
    assert broken.json["error"]["code"] == "engine_failed"
    streamed = api.chat(f"Hello. [[fault={fault} at=3]]", stream=True)
    # A crash may come before the first token has left the process; then it is still a status.
    told = chunks(streamed)[-1] if streamed.status_code == 200 else streamed.json
    assert told["error"]["code"] == "engine_failed"
    early = api.chat(f"Hello. [[fault={fault} at=-1]]", stream=True)
    assert early.status_code == 502
    assert api.chat("Hello.").json["choices"][0]["message"]["content"] == expected("Hello.")


@each_release
@pytest.mark.parametrize("stream", [True, False])
def test_a_load_that_fails_is_a_502_with_the_reason(npu: Maker, release: str, stream: bool) -> None:
    api = npu(release, RKLLM_SIM_LOAD_FAULT="no_device")
    result = api.chat("Hello.", stream=stream)
    assert result.status_code == 502
    assert "failed to open rknn device" in result.json["error"]["message"]


@each_release
def test_an_npu_in_use_is_a_503(npu: Maker, release: str) -> None:
    first, second = npu(release), npu(release)
    assert first.chat("Hello.").status_code == 200
    refused = second.chat("Hello.")
    assert refused.status_code == 503
    assert "Another process uses the NPU" in refused.json["error"]["message"]
    first.post("/v1/models/unload", {})
    assert second.chat("Hello.").status_code == 200


@each_release
@pytest.mark.parametrize("tokenizer", [True, False])
def test_a_prompt_that_is_too_long_is_a_400_with_true_numbers(npu: Maker, release: str, tokenizer: bool) -> None:
    result = npu(release, tokenizer=tokenizer).chat("x" * 6000)
    assert result.status_code == 400
    assert result.json["error"]["code"] == "context_length_exceeded"
    assert "4096 tokens" in result.json["error"]["message"]


def test_a_changed_chat_template_is_used_by_the_next_request(npu: Maker, tmp_path: Path) -> None:
    api = npu("1.3.0")
    assert api.chat("Hello.").json["choices"][0]["message"]["content"] == expected("Hello.")
    pid = api.app.service.scheduler.status().engine_pid
    (tmp_path / "sim" / "chat_template.jinja").write_text("<|im_start|>{{ messages[-1].content }}")
    assert api.chat("Hello.").json["choices"][0]["message"]["content"] == answer("<|im_start|>Hello.")
    assert api.app.service.scheduler.status().engine_pid != pid


def test_a_stop_string_and_max_tokens(npu: Maker) -> None:
    api = npu("1.2.3")
    whole = expected("Hello.")
    stop = whole.split()[2]
    choice = api.chat("Hello.", stop=stop).json["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (whole[: whole.index(stop)], "stop")
    choice = api.chat("Hello.", max_tokens=2).json["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (" ".join(whole.split()[:2]), "length")


@each_release
def test_tokens_of_a_model_with_its_tokenizer(npu: Maker, release: str) -> None:
    api = npu(release)
    messages = [{"role": "user", "content": "Hello."}]
    count = api.post("/v1/messages/count_tokens", {"messages": messages}).json["input_tokens"]
    found = api.post("/v1/tokenize", {"messages": messages}).json
    assert found["tokens"] == tokens(chatml(messages))
    assert count == found["count"] == api.chat("Hello.").json["usage"]["prompt_tokens"]
    assert api.post("/v1/detokenize", {"tokens": found["tokens"]}).json["prompt"] == chatml(messages)


def test_tokens_of_a_model_without_are_refused_with_the_file(npu: Maker) -> None:
    api = npu("1.2.3", tokenizer=False)
    for path, body in (("tokenize", {"prompt": "x"}), ("detokenize", {"tokens": [1]})):
        result = api.post(f"/v1/{path}", body)
        assert result.status_code == 400
        assert "tokenizer.json and chat template" in result.json["error"]["message"]
    assert api.chat("Hello.").status_code == 200


@each_release
@pytest.mark.parametrize("tokenizer", [True, False])
@pytest.mark.parametrize("stream", [True, False])
def test_a_call(npu: Maker, release: str, tokenizer: bool, stream: bool) -> None:
    result = npu(release, tokenizer=tokenizer).chat(say(CALL), tools=[WEATHER], tool_choice="required", stream=stream)
    assert "X-RKLLM-Warning" not in result.headers
    if stream:
        assert chunks(result)[-2]["choices"][0]["finish_reason"] == "tool_calls"
    else:
        (call,) = result.json["choices"][0]["message"]["tool_calls"]
        assert call["function"] == {"name": "get_weather", "arguments": '{"city": "Paris"}'}


def test_a_call_in_a_familys_tags_is_seen_without_the_models_template(npu: Maker) -> None:
    api = npu("1.2.3", tokenizer=False)
    choice = api.chat(say(f"<tool_call>{CALL}</tool_call>"), tools=[WEATHER]).json["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "get_weather", "arguments": '{"city": "Paris"}'}


def test_a_full_context_is_told_in_every_dialect(npu: Maker) -> None:
    api = npu("1.2.3", tokenizer=False, RKLLM_SIM_FULL="finish")
    message = {"role": "user", "content": "Hello. [[tokens=5000]]"}
    asked = {"messages": [message], "max_tokens": 100_000}
    assert api.post("/v1/chat/completions", asked).json["choices"][0]["finish_reason"] == "length"
    assert api.post("/v1/messages", asked).json["stop_reason"] == "model_context_window_exceeded"
    answered = api.post("/v1/responses", {"input": [message], "max_output_tokens": 100_000}).json
    assert answered["incomplete_details"] == {"reason": "max_output_tokens"}
    options = {"num_predict": 100_000}
    assert (
        api.post("/api/chat", {"messages": [message], "options": options, "stream": False}).json["done_reason"]
        == "length"
    )


@each_release
def test_tools_and_calls_in_the_models_own_template(npu: Maker, tmp_path: Path, release: str) -> None:
    api = npu(release)
    (tmp_path / "sim" / "chat_template.jinja").write_text(TOOL_TEMPLATE)
    (tmp_path / "sim" / "model.yaml").write_text("description: with another template\n")
    call = {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
        {"role": "user", "content": say(f"<tool_call>{CALL}</tool_call>")},
    ]
    choice = api.post("/v1/chat/completions", {"messages": messages, "tools": [WEATHER]}).json["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    asked = {"messages": [{"role": "user", "content": "Hi."}], "tools": [WEATHER]}
    found = api.post("/v1/chat/completions", asked).json["choices"][0]["message"]["content"]
    definition = {"type": "function", "function": {"name": "get_weather", "description": "",
                                                   "parameters": {"required": ["city"]}}}  # fmt: skip
    system = {"role": "system", "content": f"{json.dumps(definition)}\nAnswer with <tool_call>."}
    assert found == answer(chatml((system, {"role": "user", "content": "Hi."})))


@each_release
@pytest.mark.parametrize("stream", [True, False])
def test_json_is_checked(npu: Maker, release: str, stream: bool) -> None:
    api = npu(release)
    result = api.chat(say('```json\n{"city": "Rome"}\n```'), response_format=STRICT, stream=stream)
    assert "X-RKLLM-Warning" not in result.headers
    assert ("refusal" in result.text) is not stream
    if stream:
        pieces = [event["choices"][0]["delta"].get("content", "") for event in chunks(result)[:-1]]
        assert "".join(pieces) == '{"city": "Rome"}'
    else:
        assert result.json["choices"][0]["message"]["content"] == '{"city": "Rome"}'
    refused = api.chat(say("I do not know."), response_format=STRICT)
    assert refused.json["choices"][0]["message"]["content"] is None
    assert "3 attempts" in refused.json["choices"][0]["message"]["refusal"]
    assert refused.headers["X-RKLLM-Warning"] == "retried: response_format"


@each_release
def test_a_refusal_in_every_dialect_that_has_one(npu: Maker, release: str) -> None:
    api, turns = npu(release), [{"role": "user", "content": say("I do not know.")}]
    form = {"type": "json_schema", "name": "city", "schema": CITY, "strict": True}
    response = api.post("/v1/responses", {"input": turns, "text": {"format": form}}).json
    assert response["output"][0]["content"][0]["type"] == "refusal"
    config = {"format": {"type": "json_schema", "schema": CITY}}
    message = api.post("/v1/messages", {"messages": turns, "max_tokens": 50, "output_config": config}).json
    assert message["stop_reason"] == "refusal"
    failed = api.post("/api/chat", {"messages": turns, "format": CITY, "stream": False})
    assert (failed.status_code, "3 attempts" in failed.json["error"]) == (502, True)


def test_a_raw_prompt_has_a_form_too(npu: Maker) -> None:
    api, form = npu("1.3.0"), {"type": "json_object"}
    assert api.text(say('{"city": "Rome"}'), response_format=form).json["choices"][0]["text"] == '{"city": "Rome"}'
    failed = api.text(say("I do not know."), response_format=form)
    assert (failed.status_code, failed.json["error"]["code"]) == (502, "invalid_answer")


@each_release
def test_a_chat_and_vectors_take_turns_on_the_npu_by_swapping(npu: Maker, tmp_path: Path, release: str) -> None:
    write_model(tmp_path / "qwen3-embedding", tokenizer=True)
    api = npu(release)
    before = children_of(os.getpid())
    for text in ("Hello.", "Hello again."):
        assert api.chat(text).json["choices"][0]["message"]["content"] == expected(text)
        vectors = api.post("/v1/embeddings", {"input": ["amber", text]}).json
        assert [len(entry["embedding"]) for entry in vectors["data"]] == [16, 16]
        assert vectors["usage"]["prompt_tokens"] == len(tokens("amber")) + len(tokens(text))
        assert api.http.simulate_get("/health").json["models_loaded"] == ["qwen3-embedding"]
        assert len(children_of(os.getpid()) - before) == 1
    ranked = api.post("/v1/rerank", {"query": "amber birch", "documents": ["cedar", "amber birch"]}).json
    assert ranked["results"][0]["index"] == 1
    assert ranked["results"][0]["relevance_score"] == pytest.approx(1)


@each_release
def test_a_model_for_vectors_on_the_cpu_stays_beside_the_npu(npu: Maker, tmp_path: Path, release: str) -> None:
    (tmp_path / REAL_EMBEDDER).symlink_to(REAL_MODELS / "all-MiniLM-L6-v2")
    api = npu(release)
    for text in ("Hello.", "Hello again."):
        assert api.chat(text).json["choices"][0]["message"]["content"] == expected(text)
        assert len(api.post("/v1/embeddings", {"input": text}).json["data"][0]["embedding"]) == 384
    assert api.http.simulate_get("/health").json["models_loaded"] == ["sim", REAL_EMBEDDER]
    page = api.http.simulate_get("/metrics").text
    assert 'rkllm_model_evictions_total{model="sim",reason="swap"} 0.0' in page
