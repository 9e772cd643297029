"""A fault in one answer while another request waits, for every engine: one error, one answer, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.api.app import build
from services.core.settings import Settings
from tests.engines import FAKES, REAL_MODELS, children_of, write_cli_model, write_fake_model
from tests.http.conftest import Api, chunks
from tests.npu import expected, lock_is_free, npu_settings
from tests.simulator.cli import program
from tests.simulator.model import answer, runtime_template, write_model

HELLO = 16

FAILED, TIMEOUT = "engine_failed", "engine_timeout"

IMPATIENT: dict[str, Any] = {
    "heartbeat_interval": 0.1,
    "monitor_interval": 3600,
    "first_token_timeout": 2,
    "first_token_timeout_per_token": 0,
    "fallback_silence": 2,
}

SCRIPTED = {
    **dict.fromkeys(("crash", "exit", "closes_output", "garbage", "wrong_type", "unknown_event"), FAILED),
    **dict.fromkeys(("future_run", "false_cancel", "floods", "error"), FAILED),
    **dict.fromkeys(("silent", "ignores_sigterm"), TIMEOUT),
}
RUNTIME = {
    **dict.fromkeys(("error", "error_return_0", "fail", "segv", "abort", "exit"), FAILED),
    # Without a word it breaks; after some tokens it is an end, so it comes in prefill.
    "silent": FAILED,
    **dict.fromkeys(("hang", "stall"), TIMEOUT),
}
PROGRAM = {**dict.fromkeys(("segv", "exit", "abort", "error"), FAILED), "hang": TIMEOUT}
SIGNALS = {"SIGSEGV": FAILED, "SIGKILL": FAILED, "SIGSTOP": TIMEOUT}

FAULTS: dict[str, dict[str, str]] = {
    "scripted": SCRIPTED,
    "llama": SIGNALS,
    "rkllm-1.2.3": {"error": FAILED, "stall": TIMEOUT},
    "rkllm-1.3.0": RUNTIME,
    "rkllm_cli-1.2.3": {"error": FAILED, "hang": TIMEOUT},
    "rkllm_cli-1.3.0": PROGRAM,
}
"""All faults with the newer release, one of each kind with the older one; tests/contract covers both in full."""

CASES = [(engine, fault, True) for engine in FAULTS for fault in FAULTS[engine]]
CASES += [(engine, next(iter(FAULTS[engine])), False) for engine in FAULTS]


@dataclass
class Rig:
    """The application with one engine."""

    api: Api
    folder: Path
    order: Callable[[Rig, str], tuple[object, Callable[[], object]]]
    """A prompt whose answer breaks with a fault, and what lets it come to that."""
    answers: str = ""
    """What is said to "Hello." in at most `HELLO` tokens."""

    def pid(self) -> int:
        pid = self.api.app.service.scheduler.status().engine_pid
        assert pid
        return pid


def scripted_order(rig: Rig, fault: str) -> tuple[object, Callable[[], object]]:
    """The worker blocks where it rings, until somebody listens."""
    bell = rig.folder / f"bell{len(list(rig.folder.iterdir()))}"
    os.mkfifo(bell)
    return json.dumps({"tokens": 5, "fault": fault, "at": 3, "bell": str(bell)}), bell.read_text


def simulated_order(rig: Rig, fault: str) -> tuple[object, Callable[[], object]]:
    go = rig.folder / f"go{len(list(rig.folder.iterdir()))}"
    return f"Hello. [[fault={fault} at={-1 if fault == 'silent' else 3} tokens=9 until={go}]]", go.touch


def signal_order(rig: Rig, fault: str) -> tuple[object, Callable[[], object]]:
    return "Tell a long story about a fox.", lambda: os.kill(rig.pid(), signal.Signals[fault])


def scripted(folder: Path) -> Rig:
    write_fake_model(folder, "fake")
    settings: Settings = Settings(models_dir=folder, **IMPATIENT)
    return Rig(Api(build(settings, FAKES)), folder, scripted_order, "You said: Hello.")


def llama(folder: Path) -> Rig:
    settings = Settings(models_dir=REAL_MODELS, **{**IMPATIENT, "first_token_timeout": 6, "fallback_silence": 4})
    rig = Rig(Api(build(settings)), folder, signal_order)
    rig.answers = said(rig.api.chat("Hello.", temperature=0, max_tokens=HELLO))
    return rig


def native(folder: Path, release: str) -> Rig:
    write_model(folder / "sim", tokenizer=True)
    return Rig(Api(build(npu_settings(folder, release, **IMPATIENT))), folder, simulated_order, expected("Hello."))


def cli(folder: Path, release: str) -> Rig:
    write_cli_model(folder, "cli")
    binary, lock = str(program(release)), folder / "npu.lock"
    api = Api(build(Settings(models_dir=folder, binary=binary, npu_lock=lock, **IMPATIENT)))
    return Rig(api, folder, simulated_order, answer(runtime_template(" Hello.")))


MAKERS: dict[str, Callable[..., Rig]] = {"scripted": scripted, "llama": llama, "rkllm": native, "rkllm_cli": cli}


class Rigs:
    """One application for all faults of an engine: what one of them leaves behind would meet the next."""

    def __init__(self, folder: Callable[[str], Path]) -> None:
        self._folder = folder
        self._name = ""
        self._rig: Rig | None = None

    def of(self, name: str) -> Rig:
        if self._rig is None or name != self._name:
            self.end()
            engine, *release = name.split("-")
            self._name, self._rig = name, MAKERS[engine](self._folder(name), *release)
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
    prompt, fire = rig.order(rig, fault)
    with ThreadPoolExecutor() as pool:
        broken = pool.submit(rig.api.chat, prompt, stream=stream, temperature=0)
        lined_up(rig.api, broken, "active_request")
        waiting = pool.submit(rig.api.chat, "Hello.", temperature=0, max_tokens=HELLO)
        lined_up(rig.api, broken, "waiting_requests")
        fire()
        told = broken.result()
    error = chunks(told)[-1] if told.headers["Content-Type"] == "text/event-stream" else told.json
    assert error["error"]["code"] == FAULTS[engine][fault]
    assert said(waiting.result()) == rig.answers
    assert len(children_of(os.getpid())) == 1


def lined_up(api: Api, broken: Future[Any], field: str) -> None:
    """Ask for the health until `field` says something; a fault that ends by itself is not waited for in vain."""
    while not api.http.simulate_get("/health").json[field] and not broken.done():
        pass
