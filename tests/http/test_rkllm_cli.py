"""The application with the `rkllm` program as its engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engines import write_cli_model
from tests.http.conftest import Api, chunks
from tests.simulator.cli import program
from tests.simulator.model import answer, runtime_template


@pytest.fixture
def cli(make: Callable[..., Api], tmp_path: Path) -> Api:
    write_cli_model(tmp_path, "cli")
    return make(binary=str(program("1.2.3")))


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


@pytest.mark.parametrize(("order", "status"), [("fault=segv", 502), ("fault=error at=-1", 502)])
def test_a_fault_is_a_status_and_the_next_request_is_answered(cli: Api, order: str, status: int) -> None:
    assert cli.chat(f"[[{order}]]").status_code == status
    assert cli.chat("Hello").status_code == 200


def test_a_missing_program_is_a_503_with_its_remedy(make: Callable[..., Api], tmp_path: Path) -> None:
    write_cli_model(tmp_path, "cli")
    result = make(binary="no-such-program").chat("Hello")
    assert result.status_code == 503
    assert "RKLLM_BINARY" in result.json["error"]["message"]
