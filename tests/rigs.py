"""List every engine as the suites run it: how it is installed, what it is asked, and what it can do.

A new engine needs one more entry in `RIGS`: tests/contract and tests/http/test_queued.py then run over it.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from services.core.model import Model
from services.core.settings import Settings
from services.engines.base import Engine, EngineSpec
from services.engines.registry import SPECS, SUFFIXES, spec_of
from services.engines.rkllm.spec import RKLLM
from services.models.catalog import Catalog
from tests.engines import FAKES, REAL_EMBEDDER, REAL_MODEL, REAL_MODELS, write_cli_model, write_fake_model
from tests.npu import npu_engine, npu_model, npu_settings
from tests.simulator import build
from tests.simulator.cli import program

SETTINGS = Settings(heartbeat_interval=0.1, cpu_batch_size=32)

FAILED, TIMEOUT = "engine_failed", "engine_timeout"


@dataclass(frozen=True)
class Installation:
    """An engine with a model, ready to be loaded."""

    settings: Settings
    name: str
    """The id of the model."""
    specs: tuple[EngineSpec, ...] = SPECS

    def model(self) -> Model:
        return Catalog(self.settings, SUFFIXES).resolve(self.name)

    def make(self, model: Model) -> Engine:
        return spec_of(model, self.specs).make(self.settings, model)


Order = tuple[object, Callable[[], object]]
"""A prompt whose answer breaks, and what lets it come to that."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What the suites know of an engine. The defaults are those of an engine that only writes answers."""

    install: Callable[[Path], Installation]
    """Writes a model that chats into a folder."""
    long_answer: str
    """A prompt whose answer has many tokens."""
    long_prompt: str
    """A prompt whose prefill takes several steps."""
    faults: Mapping[str, str]
    """What can break an answer, with the code of the error that follows."""
    order: Callable[[Path, str, Callable[[], int]], Order]
    """Makes an order for a fault, from a folder, the fault and what returns the process id of the engine."""
    survives: bool = True
    """Whether the engine lives on after a cancel, a stop string and a request's own token limit."""
    tokens: bool = False
    """Whether it counts, shows and takes tokens."""
    grammar: bool = False
    """Whether it makes an answer satisfy a schema while it writes; its specification says the same."""
    logprobs: bool = False
    """Whether it gives the probabilities of its tokens."""
    reuses: bool = False
    """Whether it keeps the context of an answer for the next question of the same conversation."""
    trained: bool = False
    """Whether its model is a real one, so that answers and vectors have a meaning."""
    embed: Callable[[Path], Installation] | None = None
    """Writes a model that makes vectors into a folder; None for an engine that makes none."""
    many_texts: tuple[str, ...] = ()
    """Texts whose vectors take a while together."""


def scripted(folder: Path, settings: str = "") -> Installation:
    write_fake_model(folder, "fake", settings=settings)
    return Installation(msgspec.structs.replace(SETTINGS, models_dir=folder), "fake", FAKES)


def scripted_order(folder: Path, fault: str, _pid: Callable[[], int]) -> Order:
    """The worker blocks where it rings, until somebody listens."""
    bell = folder / f"bell{len(list(folder.iterdir()))}"
    os.mkfifo(bell)
    return json.dumps({"tokens": 5, "fault": fault, "at": 3, "bell": str(bell)}), bell.read_text


SCRIPTED = Kind(
    install=scripted,
    embed=lambda folder: scripted(folder, "capabilities: [embedding]\n"),
    long_answer='{"text": "tok ", "tokens": 2000, "delay": 0.001}',
    long_prompt='{"prefill_steps": 100, "prefill_delay": 0.02}',
    many_texts=('{"prefill_steps": 100, "prefill_delay": 0.02}',),
    faults={
        **dict.fromkeys(("crash", "exit", "closes_output", "garbage", "wrong_type", "unknown_event"), FAILED),
        **dict.fromkeys(("future_run", "false_cancel", "floods", "error"), FAILED),
        **dict.fromkeys(("silent", "ignores_sigterm"), TIMEOUT),
    },
    order=scripted_order,
    tokens=True,
)


def signal_order(_folder: Path, fault: str, pid: Callable[[], int]) -> Order:
    return "Tell a long story about a fox.", lambda: os.kill(pid(), signal.Signals[fault])


def real(name: str) -> Installation:
    return Installation(msgspec.structs.replace(SETTINGS, models_dir=REAL_MODELS), name)


LLAMA_CPP = Kind(
    install=lambda _folder: real(REAL_MODEL),
    embed=lambda _folder: real(REAL_EMBEDDER),
    long_answer="Tell a long story about a fox.",
    long_prompt="Say it again. " * 300,
    many_texts=("Say it again. " * 60,) * 32,
    faults={"SIGSEGV": FAILED, "SIGKILL": FAILED, "SIGSTOP": TIMEOUT},
    order=signal_order,
    tokens=True,
    grammar=True,
    logprobs=True,
    reuses=True,
    trained=True,
)


def simulated_order(folder: Path, fault: str, _pid: Callable[[], int]) -> Order:
    go = folder / f"go{len(list(folder.iterdir()))}"
    return f"Hello. [[fault={fault} at={-1 if fault == 'silent' else 3} tokens=9 until={go}]]", go.touch


def native(release: str) -> Kind:
    """The NPU engine on the simulated runtime of `release`, with prompts as tokens."""

    def install(folder: Path, embeds: bool = False) -> Installation:
        npu_model(folder, embeds=embeds, tokenizer=True)
        slow = replace(RKLLM, make=lambda settings, m: npu_engine(settings, RKLLM_SIM_PREFILL_US="500")(m))
        return Installation(npu_settings(folder, release), "sim", tuple(slow if s is RKLLM else s for s in SPECS))

    # tests/http tries all faults with the newest release, one of each kind with the others.
    faults = {
        **dict.fromkeys(("error", "error_return_0", "fail", "segv", "abort", "exit"), FAILED),
        # Without a word it breaks; after some tokens it is an end, so it comes in prefill.
        "silent": FAILED,
        **dict.fromkeys(("hang", "stall"), TIMEOUT),
    }
    return Kind(
        install=install,
        embed=lambda folder: install(folder, embeds=True),
        long_answer="[[tokens=2000 us=1000]]",
        long_prompt="Say it again. " * 60,
        many_texts=("Say it again. " * 10,) * 32,
        faults=faults if release == build.NEWEST else {"error": FAILED, "stall": TIMEOUT},
        order=simulated_order,
        tokens=True,
        reuses=True,
    )


def cli(release: str) -> Kind:
    """The engine that is the `rkllm` program, on the simulated runtime of `release`."""

    def install(folder: Path) -> Installation:
        write_cli_model(folder, "cli")
        own = {"models_dir": folder, "binary": str(program(release)), "npu_lock": folder / "npu.lock"}
        return Installation(msgspec.structs.replace(SETTINGS, **own), "cli")

    faults = {**dict.fromkeys(("segv", "exit", "abort", "error"), FAILED), "hang": TIMEOUT}
    return Kind(
        install=install,
        long_answer="[[tokens=2000 us=1000]]",
        long_prompt="[[fault=pause at=-1 ms=20000]]",
        faults=faults if release == build.NEWEST else {"error": FAILED, "hang": TIMEOUT},
        order=simulated_order,
        survives=False,
    )


RIGS: Mapping[str, Kind] = {
    "scripted": SCRIPTED,
    "llama": LLAMA_CPP,
    **{f"rkllm-{release}": native(release) for release in build.RELEASES},
    **{f"rkllm_cli-{release}": cli(release) for release in build.RELEASES},
}
"""All kinds: the name of an engine, and behind a dash the release of its library where it has several."""


def names(*abilities: str, without: str = "") -> list[str]:
    """Return the names of the kinds that have all `abilities`, and not the ability `without`."""
    return [
        name
        for name, kind in RIGS.items()
        if all(getattr(kind, ability) for ability in abilities) and not (without and getattr(kind, without))
    ]


def able(*abilities: str, without: str = "") -> pytest.MarkDecorator:
    """Mark a test that runs over `names(*abilities, without)`, each as its fixture ``rig``."""
    return pytest.mark.parametrize("rig", names(*abilities, without=without), indirect=True)
