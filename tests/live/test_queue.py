"""The queue for the one slot: order, limits, fairness, changes of the model, housekeeping."""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import openai
import pytest

from tests.engines import write_fake_model
from tests.live.conftest import Server, answer

Bell = Callable[[], tuple[str, Callable[[], str]]]
Start = Callable[..., Server]


def occupy(server: Server, bell: Bell, model: str = "fake") -> Callable[[], None]:
    """Keep the slot with a request to `model` until the returned function is called."""
    path, rung = bell()
    connection = server.chat({"fault": "hold", "bell": path}, model, stream=True)
    rung()
    return connection.close


def waiting_are(count: int, health: dict[str, Any]) -> bool:
    return bool(health["waiting_requests"] == count)


def queue_up(server: Server, models: list[str]) -> Callable[[], list[str]]:
    """Queue one request per model, in this order.

    Returns a function that waits for the answers and returns their order, each as its index and its model.
    """
    threads = []
    for index, model in enumerate(models):
        header = {"X-Request-Id": f"queued-{index}{model}"}
        ask = functools.partial(server.ask, {"text": "x"}, model, extra_headers=header)
        threads.append(threading.Thread(target=ask))
        threads[-1].start()
        server.until(functools.partial(waiting_are, index + 1))

    def answered() -> list[str]:
        for thread in threads:
            thread.join()
        return [found.removeprefix("queued-") for found in server.answered() if found.startswith("queued-")]

    return answered


def test_first_come_first_served(start: Start, bell: Bell) -> None:
    server = start("fake")
    free = occupy(server, bell)
    answered = queue_up(server, ["fake"] * 6)
    free()
    assert answered() == [f"{index}fake" for index in range(6)]


@pytest.mark.parametrize(
    ("overtakes", "expected"),
    [(0, ["0b", "1a", "2a", "3a"]), (2, ["1a", "2a", "0b", "3a"])],
)
def test_the_loaded_model_goes_first_within_the_limit(
    start: Start, bell: Bell, overtakes: int, expected: list[str]
) -> None:
    server = start("a", "b", queue_overtakes=overtakes)
    free = occupy(server, bell, "a")
    answered = queue_up(server, ["b", "a", "a", "a"])
    free()
    assert answered() == expected


@pytest.mark.parametrize("depth", [0, 2])
def test_a_full_queue_is_a_503_that_says_when_to_retry(start: Start, bell: Bell, depth: int) -> None:
    server = start(queue_depth=depth)
    free = occupy(server, bell)
    answered = queue_up(server, ["fake"] * depth)
    with pytest.raises(openai.InternalServerError) as caught:
        server.ask("one too many")
    assert caught.value.status_code == 503
    assert int(caught.value.response.headers["Retry-After"]) > 0
    assert caught.value.body["code"] == "queue_full"  # type: ignore[index]
    free()
    assert len(answered()) == depth


def test_a_waiting_request_gets_its_position(start: Start, bell: Bell) -> None:
    server = start(heartbeat_interval=0.1)
    free = occupy(server, bell)
    with server.chat("hello", stream=True) as connection:
        received = b""
        while b": queued position=1" not in received:
            received += connection.recv(65536)
        assert b"x-rkllm-state: queued position=1" in received.lower()
        free()
        while b"[DONE]" not in received:
            received += connection.recv(65536)
    assert b"You said: hello" in received


def test_loading_and_prefill_are_reported(start: Start, bell: Bell) -> None:
    path, rung = bell()
    server = start(heartbeat_interval=0.05, load={"bell": path, "fault": "hold"})
    with server.chat("hello", stream=True) as connection:
        rung()
        received = b""
        while b": loading" not in received:
            received += connection.recv(65536)
    (server.models_dir / "fake" / "load.json").unlink()
    for pid in server.engine_pids():
        os.kill(pid, signal.SIGKILL)
    server.until(lambda health: not health["process_healthy"])
    with server.chat({"prefill_steps": 4, "prefill_delay": 0.2}, stream=True) as connection:
        received = b""
        while b": prefill " not in received:
            received += connection.recv(65536)


def test_health_answers_while_it_generates_and_while_it_loads(start: Start, bell: Bell) -> None:
    server = start()
    free = occupy(server, bell)
    health = server.health()
    assert health["status"] == "ok"
    assert health["active_request"]
    assert health["current_model"] == "fake"
    assert health["process_healthy"] is True
    free()


def test_select_and_unload_wait_for_the_running_answer(start: Start, bell: Bell) -> None:
    server = start("a", "b")
    path, rung = bell()
    running = server.chat({"tokens": 3, "fault": "pause", "at": 1, "bell": path}, "a", stream=True)
    running.recv(1)
    unload = server.post("/v1/models/unload", {})
    select = server.post("/v1/models/select", {"model": "b"})
    assert server.health()["current_model"] == "a"
    rung()
    received = b""
    while b"[DONE]" not in received:
        received += running.recv(65536)
    assert answer(unload) == (200, {"status": "unloaded", "model": "a", "models": ["a"]})
    assert answer(select) == (200, {"status": "loaded", "model": "b"})
    assert server.health()["current_model"] == "b"
    for connection in (running, unload, select):
        connection.close()


def test_an_idle_model_is_unloaded(start: Start) -> None:
    server = start(idle_unload_timeout=0.2, monitor_interval=0.1)
    server.ask("hello")
    # The model leaves the list before its process has ended.
    server.until(lambda health: health["current_model"] is None and not server.engine_pids())
    assert server.ask("again") == "You said: again"


def test_a_running_answer_is_not_idle(start: Start) -> None:
    server = start(idle_unload_timeout=0.1, monitor_interval=0.1)
    assert server.ask({"text": "x", "tokens": 30, "delay": 0.02}) == "x" * 30


def test_a_new_model_folder_is_found_without_a_restart(start: Start) -> None:
    server = start("a")
    write_fake_model(server.models_dir, "b")
    assert server.ask("hi", "b") == "You said: hi"
