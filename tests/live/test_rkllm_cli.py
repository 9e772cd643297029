"""The `rkllm` program under gunicorn and gevent: polled pipes, and no process that outlives the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engines import alive, write_cli_model
from tests.live.conftest import Server
from tests.simulator.cli import program
from tests.simulator.model import answer, runtime_template


@pytest.fixture
def server(start: Callable[..., Server], tmp_path: Path) -> Server:
    started = start(binary=program("1.2.3"), npu_lock=tmp_path / "npu.lock")
    write_cli_model(started.models_dir, "cli", 200_000)
    return started


def test_answers_of_every_length(server: Server) -> None:
    for text in ("Hello", "exit", "x" * 70_000):
        assert server.ask(text, "cli") == answer(runtime_template(f" {text}"))
    assert len(server.ask("[[tokens=2000]]", "cli").split()) == 2000
    assert len(server.engine_pids()) == 1


def test_a_client_that_leaves_frees_the_slot_and_the_next_is_answered(server: Server) -> None:
    for order in ("fault=hang at=-1", "tokens=2000 us=5000"):
        connection = server.chat(f"[[{order}]]", "cli", stream=True)
        connection.recv(1)
        connection.close()
        assert server.ask("Hello", "cli") == answer(runtime_template(" Hello"))
    assert len(server.engine_pids()) == 1


@pytest.mark.parametrize("busy", [False, True])
def test_it_does_not_outlive_a_server_that_was_killed(server: Server, busy: bool) -> None:
    server.ask("Hello", "cli")
    (pid,) = server.engine_pids()
    if busy:
        server.chat("[[tokens=100000 us=1000]]", "cli", stream=True).recv(1)
    server.kill(pid)
    assert not alive(pid)
