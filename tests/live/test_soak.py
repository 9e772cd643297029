"""Clients that share one server, among them such that leave and such whose engine dies: nobody else notices."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest

from tests.live.conftest import Server
from tests.live.test_crash import FAST
from tests.processes import files, resident
from tests.soak import rounds

CLIENTS, JOBS = 5, 12
"""Clients at a time, and the jobs of each."""

GROWTH = 16
"""MiB by which the memory may be higher in the second half than ever in the first."""

DEADLY = ("crash", "exit", "closes_output", "garbage", "wrong_type", "unknown_event", "future_run", "false_cancel")
SLOW = ("silent", "ignores_sigterm", "floods")
REFUSED = ("bad_request", "context")
KINDS = {"asks": 60, "streams": 10, "leaves": 12, "breaks": 9, "hangs": 2, "is refused": 4, "has no model": 3}
"""What a client does, and how often of a hundred times."""


class Crowd:
    def __init__(self, server: Server) -> None:
        self._server = server
        self.done: Counter[str] = Counter()
        self.memory: list[int] = []

    def client(self, seed: int) -> None:
        """Do one job after another. Raises `AssertionError` at the first answer that is not right."""
        chance = random.Random(seed)
        for number in rounds(JOBS):
            (kind,) = chance.choices([*KINDS], [*KINDS.values()])
            self.job(kind, f"{threading.get_ident()} {number}", chance)
            self.done[kind] += 1
            self.memory.append(resident(self._server.worker))

    def job(self, kind: str, text: str, chance: random.Random) -> None:
        match kind:
            case "asks":
                assert self._server.ask(text) == f"You said: {text}"
            case "streams":
                assert self.streamed(text) == f"You said: {text}"
            case "leaves":
                with self._server.chat({"tokens": 200, "delay": 0.002}, stream=True) as connection:
                    connection.recv(chance.randint(1, 2000))
            case "breaks":
                self.fails(chance.choice(DEADLY), chance, {502})
            case "hangs":
                self.fails(chance.choice(SLOW), chance, {502, 504})
            case "is refused":
                self.fails(chance.choice(REFUSED), chance, {400})
            case "has no model":
                self.fails("", chance, {502}, model="broken")

    def streamed(self, text: str) -> str:
        with self._server.client() as client:
            messages = [{"role": "user", "content": text}]
            chunks = client.chat.completions.create(model="fake", messages=messages, stream=True)
            return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    def fails(self, fault: str, chance: random.Random, statuses: set[int], model: str = "fake") -> None:
        script = {
            "tokens": 4,
            "fault": fault,
            "phase": chance.choice(["prefill", "decode"]),
            "at": chance.randint(0, 3),
        }
        with pytest.raises(openai.APIStatusError) as caught:
            self._server.ask(script, model=model)
        assert caught.value.status_code in statuses, f"{fault}: {caught.value}"


def test_nobody_notices_the_faults_of_others_and_nothing_is_left(
    start: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    server = start("fake", **FAST)
    broken = server.models_dir / "broken"
    broken.mkdir()
    for file in (server.models_dir / "fake").iterdir():
        (broken / f"broken{file.suffix}").symlink_to(file)
    (broken / "load.json").write_text('{"fault": "crash"}')
    assert server.ask("first") == "You said: first"
    before, crowd = files(server), Crowd(server)
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(crowd.client, range(CLIENTS)))
    server.until(lambda health: health["waiting_requests"] == 0 and health["active_request"] is None)
    assert server.ask("last") == "You said: last"
    assert files(server) <= before
    assert len(server.engine_pids()) == 1
    half = len(crowd.memory) // 2
    assert max(crowd.memory[half:]) < max(crowd.memory[:half]) + GROWTH
    assert server.end() == 0
    assert not list(temporary.iterdir())
    assert crowd.done.total() >= CLIENTS * JOBS
