"""A fault in one answer while another request waits, for every engine: one error, one answer, nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.api.app import build
from tests.engines import children_of
from tests.http.conftest import Api, chunks
from tests.npu import lock_is_free
from tests.rigs import RIGS

HELLO = 16

IMPATIENT: dict[str, Any] = {
    "heartbeat_interval": 0.1,
    "monitor_interval": 3600,
    "first_token_timeout": 2,
    "first_token_timeout_per_token": 0,
    "fallback_silence": 2,
}

SLOWER: dict[str, Any] = {"first_token_timeout": 6, "fallback_silence": 4}
"""What differs for a real model."""

CASES = [(name, fault, True) for name, kind in RIGS.items() for fault in kind.faults]
CASES += [(name, next(iter(kind.faults)), False) for name, kind in RIGS.items()]


class Rig:
    """The application with one engine."""

    def __init__(self, name: str, folder: Path) -> None:
        self.kind, self.folder = RIGS[name], folder
        installation = self.kind.install(folder)
        more = SLOWER if self.kind.trained else {}
        settings = msgspec.structs.replace(installation.settings, **{**IMPATIENT, **more})
        self.api = Api(build(settings, installation.specs))
        self.answer = self.hello()
        """What it says where nothing is broken."""

    def hello(self) -> str:
        return said(self.api.chat("Hello.", temperature=0, max_tokens=HELLO))

    def pid(self) -> int:
        pid = self.api.app.service.scheduler.status().engine_pid
        assert pid
        return pid


class Rigs:
    """One application for all faults of an engine: what one of them leaves behind would meet the next."""

    def __init__(self, folder: Callable[[str], Path]) -> None:
        self._folder = folder
        self._name = ""
        self._rig: Rig | None = None

    def of(self, name: str) -> Rig:
        if self._rig is None or name != self._name:
            self.end()
            self._name, self._rig = name, Rig(name, self._folder(name))
        return self._rig

    def end(self) -> None:
        """Stop the application; nothing of it may be left."""
        if self._rig is not None:
            self._rig.api.app.stop()
            assert not children_of(os.getpid())
            assert lock_is_free(self._rig.folder / "npu.lock")


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rigs]:
    made = Rigs(tmp_path_factory.mktemp)
    yield made
    made.end()


def said(result: Any) -> str:
    assert result.status_code == 200
    return str(result.json["choices"][0]["message"]["content"])


@pytest.mark.parametrize(("engine", "fault", "stream"), sorted(CASES))
def test_who_waits_behind_a_fault_is_answered(rigs: Rigs, engine: str, fault: str, stream: bool) -> None:
    rig = rigs.of(engine)
    prompt, fire = rig.kind.order(rig.folder, fault, rig.pid)
    with ThreadPoolExecutor() as pool:
        broken = pool.submit(rig.api.chat, prompt, stream=stream, temperature=0)
        lined_up(rig.api, broken, "active_request")
        waiting = pool.submit(rig.hello)
        lined_up(rig.api, broken, "waiting_requests")
        fire()
        told = broken.result()
    error = chunks(told)[-1] if told.headers["Content-Type"] == "text/event-stream" else told.json
    assert error["error"]["code"] == rig.kind.faults[fault]
    assert waiting.result() == rig.answer
    assert len(children_of(os.getpid())) == 1


def lined_up(api: Api, broken: Future[Any], field: str) -> None:
    """Ask for the health until `field` says something; a fault that ends by itself is not waited for in vain."""
    while not api.http.simulate_get("/health").json[field] and not broken.done():
        pass
