"""Ollama's API: shapes, streams, options, models; the way into the engine is the one of the other dialects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from services.api.dialects.common import foreign
from services.api.dialects.common.parameters import own_fields
from services.api.dialects.ollama import types
from services.api.dialects.ollama.requests import ELSEWHERE, IGNORED, IGNORED_OPTIONS
from services.core.settings import Settings
from tests.engines import ROOT, write_fake_model
from tests.http.conftest import Api

TIMES = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")


def chat(api: Api, script: object = "hello", **more: Any) -> falcon.testing.Result:
    text = script if isinstance(script, str) else json.dumps(script)
    return api.post("/api/chat", {"model": "fake", "messages": [{"role": "user", "content": text}], **more})


def generate(api: Api, prompt: object = "hello", **more: Any) -> falcon.testing.Result:
    text = prompt if isinstance(prompt, str) else json.dumps(prompt)
    return api.post("/api/generate", {"model": "fake", "prompt": text, **more})


def lines(result: falcon.testing.Result) -> list[dict[str, Any]]:
    assert result.text.endswith("\n")
    return [json.loads(line) for line in result.text.splitlines()]


def current(api: Api) -> object:
    return api.http.simulate_get("/health").json["current_model"]


def test_a_whole_chat_answer(api: Api) -> None:
    result = chat(api, stream=False)
    body = result.json
    assert result.headers["content-type"].startswith("application/json")
    assert body["model"] == "fake"
    assert body["message"] == {"role": "assistant", "content": "You said: hello"}
    assert (body["done"], body["done_reason"]) == (True, "stop")
    assert (body["prompt_eval_count"], body["eval_count"]) == (20, 1)
    assert datetime.fromisoformat(body["created_at"]).tzinfo is UTC
    assert all(isinstance(body[name], int) for name in TIMES)
    assert body["load_duration"] + body["prompt_eval_duration"] + body["eval_duration"] <= body["total_duration"]
    assert body["load_duration"] > 0


def test_a_chat_streams_unless_the_request_says_otherwise(api: Api) -> None:
    result = chat(api, {"text": "tok ", "tokens": 3})
    assert result.headers["content-type"] == "application/x-ndjson"
    *pieces, last = lines(result)
    assert "".join(piece["message"]["content"] for piece in pieces) == "tok tok tok "
    assert not any(piece["done"] for piece in pieces)
    assert last["message"] == {"role": "assistant", "content": ""}
    assert (last["done"], last["done_reason"], last["eval_count"]) == (True, "stop", 3)
    assert last["total_duration"] > 0


def test_waiting_is_a_space_before_the_next_object(make: Callable[..., Api], tmp_path: Path) -> None:
    write_fake_model(tmp_path, "fake")
    result = chat(make(heartbeat_interval=0.01), {"prefill_steps": 3, "prefill_delay": 0.05})
    assert result.text.startswith(" ")
    assert [line["message"]["content"] for line in lines(result)] == ["tok ", ""]
    assert result.headers["x-rkllm-state"]


@pytest.mark.parametrize("ask", [chat, generate])
def test_an_error_before_the_first_piece_is_a_status(api: Api, ask: Callable[..., Any]) -> None:
    result = ask(api, {"fault": "context", "phase": "prefill"})
    assert result.status_code == 400
    assert "5000 tokens" in result.json["error"]


def test_an_error_in_mid_stream_is_the_last_line(api: Api) -> None:
    first, last = lines(chat(api, {"tokens": 3, "fault": "error", "at": 1}))
    assert first["message"]["content"] == "tok "
    assert list(last) == ["error"]
    assert "on purpose" in last["error"]


def test_thinking_is_a_field_of_its_own(api: Api) -> None:
    script = {"text": "<think>why</think>so"}
    assert chat(api, script, stream=False).json["message"] == {
        "role": "assistant", "content": "so", "thinking": "why",
    }  # fmt: skip
    assert generate(api, script, stream=False).json["thinking"] == "why"


def test_a_generated_answer_and_its_stream(api: Api) -> None:
    body = generate(api, stream=False).json
    assert (body["response"], body["done"], body["done_reason"]) == ("You said: hello", True, "stop")
    assert "message" not in body
    assert "context" not in body
    assert "".join(line["response"] for line in lines(generate(api))) == "You said: hello"


def test_a_raw_prompt_is_completed_as_it_is(api: Api) -> None:
    body = generate(api, {"text": "<think>a</think>b"}, raw=True, stream=False).json
    assert body["response"] == "<think>a</think>b"


@pytest.mark.parametrize(
    ("field", "value", "more"),
    [
        ("suffix", "}", {}),
        ("template", "{{ .Prompt }}", {}),
        ("images", ["AAAA"], {}),
        ("raw", True, {"system": "be brief"}),
        ("raw", True, {"template": "x"}),
        ("raw", True, {"context": [1]}),
        ("format", "yaml", {}),
        ("keep_alive", "soon", {}),
        ("think", "a lot", {}),
    ],
)
def test_what_a_prompt_cannot_have_is_refused(api: Api, field: str, value: object, more: dict[str, object]) -> None:
    result = generate(api, **{field: value}, **more)
    assert result.status_code == 400
    assert field in result.json["error"]


def test_images_in_a_chat_are_refused(api: Api) -> None:
    message = {"role": "user", "content": "what is it?", "images": ["iVBORw0KGgo="]}
    result = api.post("/api/chat", {"model": "fake", "messages": [{"role": "system", "content": "x"}, message]})
    assert result.status_code == 400
    assert "messages[1].images" in result.json["error"]


def test_num_predict_ends_an_answer(api: Api) -> None:
    for limit, reason, count in ((2, "length", 2), (-1, "stop", 5), (-2, "stop", 5)):
        body = chat(api, {"tokens": 5}, stream=False, options={"num_predict": limit}).json
        assert (body["done_reason"], body["eval_count"]) == (reason, count)


def test_stop_strings(api: Api) -> None:
    body = chat(api, {"text": "ab|cd"}, stream=False, options={"stop": ["|"]}).json
    assert body["message"]["content"] == "ab"


def test_every_option_without_effect_is_named(api: Api) -> None:
    schemas: dict[str, Any] = {name: {} for name in ("json_schema", "guided_json", "structured_outputs")}
    result = chat(api, stream=False, options=dict.fromkeys(IGNORED_OPTIONS, 7) | schemas)
    assert result.status_code == 200
    names = ", ".join(f"options.{name}" for name in IGNORED_OPTIONS)
    assert result.headers["x-rkllm-warning"] == f"ignored: {names}; see docs/api.md"


def test_a_context_of_another_length_is_named(api: Api) -> None:
    assert "options.num_ctx" in chat(api, options={"num_ctx": 2048}).headers["x-rkllm-warning"]
    assert "x-rkllm-warning" not in chat(api, options={"num_ctx": 4096}).headers


def test_parameters_without_effect_are_named(api: Api) -> None:
    asked = {"truncate": True, "shift": True, "context": [1, 2], "width": 5, "height": 5, "steps": 5}
    warning = generate(api, **asked).headers["x-rkllm-warning"]
    assert warning == f"ignored: {', '.join(IGNORED)}; see docs/api.md"


@pytest.mark.parametrize("name", ["fake", "fake:latest", "FAKE:latest", "fa:ke"])
def test_names_with_tags(api: Api, tmp_path: Path, name: str) -> None:
    write_fake_model(tmp_path, "fa-ke")
    body = chat(api, model=name, stream=False).json
    assert body["message"]["content"] == "You said: hello"
    assert body["model"] == name


def test_an_unknown_model_is_a_404(api: Api) -> None:
    result = chat(api, model="llama3.2:1b")
    assert result.status_code == 404
    assert "llama3.2:1b" in result.json["error"]


def test_without_a_question_the_model_is_loaded_or_unloaded(api: Api) -> None:
    body = api.post("/api/chat", {"model": "fake"}).json
    assert (body["done"], body["done_reason"], body["message"]["content"]) == (True, "load", "")
    assert current(api) == "fake"
    body = api.post("/api/generate", {"model": "fake", "keep_alive": 0}).json
    assert (body["done"], body["done_reason"], body["response"]) == (True, "unload", "")
    assert current(api) is None


def test_unloading_another_model_leaves_the_loaded_one(api: Api, tmp_path: Path) -> None:
    write_fake_model(tmp_path, "other")
    chat(api, stream=False)
    assert api.post("/api/generate", {"model": "other", "keep_alive": "0s"}).json["done_reason"] == "unload"
    assert current(api) == "fake"


@pytest.mark.parametrize("stream", [True, False])
def test_no_time_to_live_unloads_after_the_answer(api: Api, stream: bool) -> None:
    assert "You said" in chat(api, stream=stream, keep_alive=0).text
    assert current(api) is None


@pytest.mark.parametrize(
    ("keep", "seconds"), [(None, Settings().idle_unload_timeout), ("10m", 600), (-1, None), (1e300, None)]
)
def test_how_long_a_loaded_model_stays(api: Api, keep: float | str | None, seconds: float | None) -> None:
    chat(api, keep_alive=keep)
    (model,) = api.http.simulate_get("/api/ps").json["models"]
    left = datetime.fromisoformat(model["expires_at"]) - datetime.now(UTC)
    if seconds is None:
        assert left.days > 365_000
    else:
        assert 0 <= seconds - left.total_seconds() < 60


def test_nothing_runs(api: Api) -> None:
    assert api.http.simulate_get("/api/ps").json == {"models": []}


def test_tags(api: Api) -> None:
    (model,) = api.http.simulate_get("/api/tags").json["models"]
    assert (model["name"], model["model"]) == ("fake:latest", "fake:latest")
    assert model["size"] > 0
    assert len(model["digest"]) == 64
    assert datetime.fromisoformat(model["modified_at"]).tzinfo is UTC
    assert model["details"]["format"] == "gguf"
    assert model["details"]["family"] == "fake"


def test_show(api: Api, tmp_path: Path) -> None:
    (tmp_path / "fake" / "model.yaml").write_text(
        "system_prompt: Be brief.\nsampling: {temperature: 0.5, max_tokens: 99}\ncontext_length: 1024\nthinking: false"
    )
    for request in ({"model": "fake"}, {"name": "fake:latest", "verbose": True}):
        body = api.post("/api/show", request).json
        assert body["model_info"]["general.architecture"] == "fake"
        assert body["model_info"]["fake.context_length"] == 1024
        assert body["system"] == "Be brief."
        assert body["parameters"].split() == ["temperature", "0.5", "num_predict", "99", "num_ctx", "1024"]
        assert body["modelfile"].startswith("FROM fake\n")
        assert 'SYSTEM """Be brief."""' in body["modelfile"]
        assert "PARAMETER num_ctx 1024" in body["modelfile"]
        assert str(tmp_path) not in json.dumps(body)
        assert {"completion", "thinking"} <= set(body["capabilities"])
    assert api.post("/api/show", {"model": "nothing"}).status_code == 404


def test_the_default_model_is_listed_first_then_the_loaded_one(make: Callable[..., Api], tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d-embed"):
        write_fake_model(tmp_path, name)
    (tmp_path / "d-embed" / "model.yaml").write_text("capabilities: [embedding]\nengine: fake")
    for default, order in (("", "bacd"), ("c", "cbad"), ("d-embed", "bacd"), ("nothing", "bacd")):
        api = make(default_model=default)
        chat(api, model="b", stream=False)
        for path, key, name in (("/api/tags", "models", "name"), ("/v1/models", "data", "id")):
            assert "".join(model[name][0] for model in api.http.simulate_get(path).json[key]) == order


def test_version_and_root(api: Api) -> None:
    assert set(api.http.simulate_get("/api/version").json) == {"version"}
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "text/html,*/*;q=0.8"}):
        assert api.http.simulate_get("/", headers=accept).text == "Ollama is running"
    assert api.http.simulate_get("/", headers={"Accept": "application/json"}).json["status"] == "ok"
    for path in ("/", "/api/version", "/api/tags"):
        found = api.http.simulate_head(path)
        assert (found.status_code, found.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/create"),
        ("POST", "/api/copy"),
        ("POST", "/api/push"),
        ("POST", "/api/blobs/sha256:abc"),
        ("HEAD", "/api/blobs/sha256:abc"),
    ],
)
def test_what_needs_a_registry_says_so(api: Api, method: str, path: str) -> None:
    result = api.http.simulate_request(method, path)
    assert result.status_code == 501
    if method != "HEAD":
        assert "docs/models.md" in result.json["error"]


def test_the_document_lists_every_parameter() -> None:
    text = (ROOT / "docs" / "api.md").read_text().partition("<!-- ollama: ")[2].partition("### Models")[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| [\w, ]+ \| (\w+)", text, re.M))
    kinds: list[Any] = [
        types.OllamaChatRequest,
        types.OllamaGenerateRequest,
        types.OllamaEmbedRequest,
        types.OllamaEmbeddingsRequest,
    ]
    listed = set(re.findall(r"`(\w+)`", text.partition("<!-- elsewhere: ")[2].partition("\n\n")[0]))
    assert listed == set(ELSEWHERE)
    assert documented.keys() == set().union(*(own_fields(kind, foreign.ForeignParameters) for kind in kinds)) - listed
    assert {name for name, what in documented.items() if what == "ignored"} == set(IGNORED)
    assert all(f"`{option}`" in text for option in own_fields(types.OllamaOptions, foreign.ForeignParameters))


WEATHER = {"type": "function", "function": {"name": "weather", "description": "The weather of a city."}}


def test_a_tool_is_called(api: Api) -> None:
    script = {"text": '{"name": "weather", "arguments": {"city": "Köln"}}'}
    body = chat(api, script, stream=False, tools=[WEATHER]).json
    (call,) = body["message"]["tool_calls"]
    assert call["function"] == {"index": 0, "name": "weather", "arguments": {"city": "Köln"}}
    assert call["id"]
    assert (body["message"]["content"], body["done_reason"]) == ("", "stop")


def test_vectors_of_a_model_that_makes_none_are_refused(api: Api) -> None:
    for path, body in (("/api/embed", {"input": "x"}), ("/api/embeddings", {"prompt": "x"})):
        result = api.post(path, body)
        assert result.status_code == 400
        assert "'embedding'" in result.json["error"]
