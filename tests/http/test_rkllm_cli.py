"""The application with the `rkllm` program as its engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from tests.engines import alive, write_cli_model
from tests.http.conftest import Api, chunks
from tests.simulator.cli import program
from tests.simulator.model import answer, runtime_template


@pytest.fixture
def cli(make: Callable[..., Api], tmp_path: Path) -> Api:
    write_cli_model(tmp_path, "cli")
    return make(npu_lock=tmp_path / "npu.lock", binary=str(program("1.2.3")))


def test_a_chat_is_answered_and_its_limits_are_announced(cli: Api) -> None:
    result = cli.chat("Hello", temperature=0.7, logprobs=True)
    assert result.json["choices"][0]["message"]["content"] == answer(runtime_template(" Hello"))
    assert result.json["usage"]["completion_tokens"] > 0
    assert result.headers["x-rkllm-warning"] == "ignored: temperature, logprobs; see docs/api.md"


def test_what_it_does_is_not_announced(cli: Api) -> None:
    result = cli.chat("Hello", temperature=0, stop=["zzz"], max_tokens=100, seed=3)
    assert "x-rkllm-warning" not in result.headers


def test_a_stream_and_the_next_request_after_a_cut_answer(cli: Api) -> None:
    events = chunks(cli.chat("[[tokens=50 us=1000]]", stream=True, max_tokens=4))
    assert events[-2]["choices"][0]["finish_reason"] == "length"
    assert cli.chat("Hello").json["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("at", [-1, 2])
@pytest.mark.parametrize(("fault", "code"), [("error", "engine_failed"), ("hang", "engine_timeout")])
def test_a_fault_is_reported_once_and_the_next_request_is_answered(
    make: Callable[..., Api], tmp_path: Path, fault: str, code: str, at: int, stream: bool
) -> None:
    write_cli_model(tmp_path, "cli")
    quick = {"first_token_timeout": 0.5, "first_token_timeout_per_token": 0.001, "fallback_silence": 0.5}
    api = make(npu_lock=tmp_path / "npu.lock", binary=str(program("1.2.3")), heartbeat_interval=0.1, **quick)
    result = api.chat(f"[[fault={fault} at={at} tokens=5]]", stream=stream)
    streaming = result.headers["content-type"] == "text/event-stream"
    assert streaming is stream or at == -1
    error = chunks(result)[-1]["error"] if streaming else result.json["error"]
    assert error["code"] == code
    pid = api.app.service.scheduler.status().engine_pid
    assert cli_answers(api)
    assert pid is None or not alive(pid)


@pytest.mark.parametrize("fault", ["magic", "segv"])
def test_a_load_that_fails_is_a_502_and_the_next_one_succeeds(
    make: Callable[..., Api], tmp_path: Path, fault: str
) -> None:
    write_cli_model(tmp_path, "cli", load_fault=fault)
    api = make(npu_lock=tmp_path / "npu.lock", binary=str(program("1.2.3")))
    result = api.chat("Hello")
    assert (result.status_code, result.json["error"]["code"]) == (502, "engine_failed")
    write_cli_model(tmp_path, "cli")
    assert cli_answers(api)


def cli_answers(api: Api) -> bool:
    """Whether the engine says what the simulated model says."""
    message = api.chat("Hello").json["choices"][0]["message"]
    return bool(message["content"] == answer(runtime_template(" Hello")))


def test_a_missing_program_is_a_503_with_its_remedy(make: Callable[..., Api], tmp_path: Path) -> None:
    write_cli_model(tmp_path, "cli")
    result = make(binary="no-such-program").chat("Hello")
    assert result.status_code == 503
    assert "RKLLM_BINARY" in result.json["error"]["message"]


def test_a_call_and_json_without_roles_or_a_grammar(cli: Api) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    weather = {"type": "function", "function": {"name": "get_weather", "parameters": parameters}}
    text = quote('{"name": "get_weather", "arguments": {"city": "Paris"}}')
    result = cli.chat(f"Say it. [[say={text}]]", tools=[weather], tool_choice="required")
    assert result.json["choices"][0]["finish_reason"] == "tool_calls"
    assert "x-rkllm-warning" not in result.headers
    result = cli.chat(f"Say it. [[say={text}]]", response_format={"type": "json_object"})
    assert result.json["choices"][0]["message"]["content"] == unquote(text)
    assert "x-rkllm-warning" not in result.headers
