"""Keys and priorities on the real server: strangers cost nothing, housekeeping waits, files are read again."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import openai
import pytest

from tests.engines import ROOT
from tests.live.conftest import Server, answer
from tests.live.test_queue import occupy, waiting_are
from tests.openwebui import TITLE

USER, ADMIN = "user-0123456789abcdef", "admin-0123456789abcdef"

Start = Callable[..., Server]
Bell = Callable[[], tuple[str, Callable[[], str]]]


def made(path: Path, *arguments: str) -> str:
    """What the program for keys prints."""
    argv = [sys.executable, "-m", "services.keys", "--file", str(path), *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def ask(server: Server, key: str, text: str = "hi", name: str = "", **headers: str) -> str:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=60) as client:
        answered = client.chat.completions.create(
            model="fake",
            messages=[{"role": "user", "content": text}],
            extra_headers={**headers, **({"X-Request-Id": name} if name else {})},
        )
    return answered.choices[0].message.content or ""


def line_up(server: Server, asks: list[Callable[[], object]]) -> list[threading.Thread]:
    """Start each when the one before it waits in line."""
    threads = []
    for index, one in enumerate(asks):
        threads.append(threading.Thread(target=one))
        threads[-1].start()
        server.until(functools.partial(waiting_are, index + 1))
    return threads


def test_a_hundred_wrong_keys_cost_the_others_nothing_and_fill_no_log(start: Start) -> None:
    server = start(api_key=USER, admin_key=ADMIN)
    attack = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        b"Authorization: Bearer guess-%d\r\nContent-Length: 0\r\n\r\n"
    )
    statuses = []

    def attacker() -> None:
        with server.connect() as connection:
            for number in range(25):
                connection.sendall(attack % number)
                statuses.append(answer(connection)[0])

    attackers = [threading.Thread(target=attacker) for _ in range(4)]
    for thread in attackers:
        thread.start()
    assert [ask(server, USER, f"question {n}") for n in range(5)] == [f"You said: question {n}" for n in range(5)]
    for thread in attackers:
        thread.join()
    assert statuses == [401] * 100
    log = server.log()
    assert "without a valid key, the last from 127.0.0.1" in log
    assert log.count("status=401") == 0
    assert log.count("without a valid key") < 10
    assert "guess-" not in log
    assert USER not in log
    assert log.count("key=api_key") == 5


def test_wrong_and_right_keys_as_the_openai_package_sees_them(start: Start) -> None:
    server = start(api_key=USER, admin_key=ADMIN)
    assert "-H 'Authorization: Bearer KEY'" in server.ready_line
    with pytest.raises(openai.AuthenticationError):
        ask(server, "wrong")
    with pytest.raises(openai.PermissionDeniedError), openai.OpenAI(base_url=f"{server.url}/v1", api_key=USER) as user:
        user.post("/models/unload", cast_to=object)
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=ADMIN) as admin:
        assert admin.post("/models/unload", cast_to=object) == {"status": "unloaded", "model": None, "models": []}


def test_a_key_is_made_and_revoked_without_a_restart(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    first = made(path, "create", "first")
    server = start(keys_file=path)
    second = made(path, "create", "second")
    assert ask(server, first) == ask(server, second) == "You said: hi"
    made(path, "revoke", "first")
    with pytest.raises(openai.AuthenticationError):
        ask(server, first)
    assert ask(server, second) == "You said: hi"


def test_a_title_never_delays_a_chat_that_waits(start: Start, bell: Bell) -> None:
    server = start()
    free = occupy(server, bell)
    threads = line_up(
        server,
        [
            functools.partial(ask, server, "any", TITLE, "title"),
            functools.partial(ask, server, "any", "a chat", "person-1"),
            functools.partial(ask, server, "any", "nightly", "batch", **{"X-RKLLM-Priority": "background"}),
            functools.partial(ask, server, "any", "a chat", "person-2"),
        ],
    )
    free()
    for thread in threads:
        thread.join()
    assert server.answered() == ["person-1", "person-2", "title", "batch"]


def test_a_key_has_as_many_waiting_requests_as_it_may(start: Start, bell: Bell, tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    mine = made(path, "create", "mine", "--max-waiting", "1")
    server = start(keys_file=path, allow_anonymous=True)
    free = occupy(server, bell)
    (waiting,) = line_up(server, [functools.partial(ask, server, mine)])
    with pytest.raises(openai.RateLimitError) as caught:
        ask(server, mine)
    assert int(caught.value.response.headers["Retry-After"]) > 0
    assert caught.value.body["code"] == "rate_limit_exceeded"  # type: ignore[index]
    free()
    waiting.join()
    assert ask(server, mine) == "You said: hi"
