"""Vectors on the real server: beside a streamed chat with two real models, and by the dozen."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.chat.vectors import cosine
from services.scheduler.queue import MAX_SHARED_TEXTS
from tests.engines import REAL_EMBEDDER, REAL_MODEL, REAL_MODELS, write_fake_model
from tests.live.conftest import Server, answer

BUDGET = 600
"""MiB for two models that take 332 and 106 of them."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with the default models, real ones."""
    models = tmp_path_factory.mktemp("both") / "models"
    models.mkdir()
    for name in ("SmolLM2-135M-Instruct", "all-MiniLM-L6-v2"):
        (models / name).symlink_to(REAL_MODELS / name)
    server = Server(models, "services.api.app:create()", {"RKLLM_MEMORY_BUDGET": str(BUDGET)})
    yield server
    server.hang_up()
    assert server.end() == 0


def ask(server: Server, text: str, model: str = REAL_EMBEDDER) -> socket.socket:
    """Ask for a text's vector without waiting for it."""
    return server.post("/v1/embeddings", {"model": model, "input": text})


def embed(server: Server, text: str, model: str = REAL_EMBEDDER) -> tuple[int, Any]:
    return answer(ask(server, text, model))


def statuses(connections: list[socket.socket]) -> list[int]:
    return [answer(connection)[0] for connection in connections]


def metric(server: Server, name: str, model: str) -> float:
    page = httpx2.get(f"{server.url}/metrics").text
    found = re.search(rf'^{name}{{[^}}]*model="{model}"[^}}]*}} (\S+)$', page, re.MULTILINE)
    return float(found[1]) if found else 0.0


def resident_mib(pids: set[int]) -> int:
    kib = [re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in pids]
    return sum(int(found[1]) for found in kib if found) // 1024


def test_vectors_by_the_openai_package(both: Server) -> None:
    with both.client() as client:
        found = client.embeddings.create(model=REAL_EMBEDDER, input=["A cat sat.", "A kitten sat.", "Shares fell."])
    cat, kitten, shares = (entry.embedding for entry in found.data)
    assert cosine(cat, kitten) > cosine(cat, shares) + 0.3
    assert found.usage.prompt_tokens > 9


def test_ten_embeddings_beside_a_streamed_chat(both: Server) -> None:
    assert embed(both, "warm")[0] == 200
    arrivals: list[float] = []
    asked: list[socket.socket] = []
    with both.client() as client:
        stream = client.chat.completions.create(
            model=REAL_MODEL, messages=[{"role": "user", "content": "Tell a long story about a fox."}], stream=True,
            max_tokens=200, temperature=0,
        )  # fmt: skip
        for _ in stream:
            arrivals.append(time.monotonic())
            if len(arrivals) == 20:
                asked = [ask(both, f"text number {index}") for index in range(10)]
                both.until(lambda health: health["waiting_requests"] == 10)
    assert statuses(asked) == [200] * 10
    assert max(after - before for before, after in pairwise(arrivals[20:])) < 5, "the chat went on at its own pace"
    assert both.health()["models_loaded"] == [REAL_MODEL, REAL_EMBEDDER]
    assert len(both.engine_pids()) == 2
    assert 100 < resident_mib(both.engine_pids()) < BUDGET
    for model in (REAL_MODEL, REAL_EMBEDDER):
        assert metric(both, "rkllm_model_load_time_seconds_count", model) == 1
        assert metric(both, "rkllm_engine_restarts_total", model) == 0


def test_sixty_at_once_are_all_served_in_fewer_slots(both: Server) -> None:
    alone = embed(both, "text number 7")[1]
    before = metric(both, "rkllm_turns_total", REAL_EMBEDDER)
    found = [answer(connection) for connection in [ask(both, f"text number {index}") for index in range(60)]]
    assert {status for status, _ in found} == {200}
    assert 1 <= metric(both, "rkllm_turns_total", REAL_EMBEDDER) - before < 60
    assert found[7][1] == alone


@pytest.fixture
def line(
    start: Callable[..., Server], bell: Callable[[], tuple[str, Callable[[], str]]]
) -> tuple[Server, socket.socket]:
    """A server with a model that chats and has the turn until the connection is closed, and one for vectors."""
    server = start("fake", queue_depth=2)
    write_fake_model(server.models_dir, "vectors", settings="capabilities: [embedding]\n")
    path, rung = bell()
    connection = server.chat({"fault": "hold", "bell": path}, stream=True)
    rung()
    return server, connection


def test_those_that_wait_take_one_place_and_one_slot(line: tuple[Server, socket.socket]) -> None:
    server, holder = line
    asked = [ask(server, f"text {index}", "vectors") for index in range(MAX_SHARED_TEXTS)]
    server.until(lambda health: health["waiting_requests"] == MAX_SHARED_TEXTS)
    chat = server.chat("hello")
    server.until(lambda health: health["waiting_requests"] == MAX_SHARED_TEXTS + 1)
    holder.close()
    assert statuses([*asked, chat]) == [200] * (MAX_SHARED_TEXTS + 1)
    assert metric(server, "rkllm_turns_total", "vectors") == 1


def test_who_leaves_takes_nobody_with_it(line: tuple[Server, socket.socket]) -> None:
    server, holder = line
    leavers = [ask(server, f"gone {index}", "vectors") for index in range(3)]
    server.until(lambda health: health["waiting_requests"] == 3)
    asked = [ask(server, f"text {index}", "vectors") for index in range(5)]
    server.until(lambda health: health["waiting_requests"] == 8)
    for connection in leavers:
        connection.close()
    server.until(lambda health: health["waiting_requests"] == 5)
    holder.close()
    assert statuses(asked) == [200] * 5


def test_a_text_that_crashes_the_engine_fails_alone(line: tuple[Server, socket.socket]) -> None:
    server, holder = line
    asked: list[socket.socket] = []
    for text in ("fine", json.dumps({"fault": "crash", "phase": "prefill"}), "fine too"):
        asked.append(ask(server, text, "vectors"))
        server.until(lambda health: health["waiting_requests"] == len(asked))
    holder.close()
    assert statuses(asked) == [200, 502, 200]
