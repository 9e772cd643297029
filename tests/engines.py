"""Engines and models for tests: the scripted one, and the real one on the real small model."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.core.message import message
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest
from services.core.sampling import Sampling
from services.core.settings import Settings
from services.engines.base import Engine
from services.engines.llama.spec import LLAMA
from services.engines.registry import SPECS, SUFFIXES
from services.engines.worker.limits import Limits
from services.engines.worker.parent import WorkerEngine
from services.engines.worker.process import worker_env
from services.models.catalog import Catalog
from tests.simulator.model import write_model

ROOT = Path(__file__).resolve().parents[1]
REAL_MODELS = ROOT / ".cache" / "models"
REAL_MODEL = "smollm2-135m-instruct"
REAL_EMBEDDER = "all-minilm-l6-v2"


def fake(settings: Settings, model: Model) -> Engine:
    argv = [sys.executable, str(ROOT / "tests" / "fake_worker.py")]
    return WorkerEngine(model, argv, worker_env(), {"context_length": model.context_length}, Limits.of(settings))


FAKES = tuple(replace(spec, make=fake) if spec is LLAMA else spec for spec in SPECS)
"""Every .gguf file runs on the scripted engine."""


GENERATION = frozenset({"prompt", "prompt_ids", "stop", "logprobs", "schema_strict", "parallel_calls", "keep_alive"})
"""Fields that an engine reads from what the client asked for."""


def request(model: Model, text: str, **changes: Any) -> EngineRequest:
    """Return a request for a chat with one message of the user, or for whatever `changes` make of it."""
    generation = {name: changes.pop(name) for name in GENERATION & changes.keys()}
    values: dict[str, Any] = {
        "id": "test", "model": model, "kind": "chat", "messages": (message("user", text),), "max_tokens": 16,
        "sampling": Sampling(temperature=0, seed=1), "prompt_tokens_estimate": 100,
        "generation": GenerationRequest(**generation),
    }  # fmt: skip
    return EngineRequest(**(values | changes))


def write_fake_model(models_dir: Path, name: str, load_script: str | None = None, settings: str = "") -> Path:
    """A model folder whose file is just enough of a GGUF for the catalogue; `settings` is its ``model.yaml``."""
    from tests.gguf_file import write_gguf

    folder = models_dir / name
    folder.mkdir(parents=True)
    write_gguf(folder / f"{name}.gguf", {"general.architecture": "fake", "fake.context_length": 4096})
    if settings:
        (folder / "model.yaml").write_text(settings)
    if load_script is not None:
        (folder / "load.json").write_text(load_script)
    return folder


def write_cli_model(models_dir: Path, name: str, context_length: int = 4096, load_fault: str = "") -> Model:
    """A model of the simulated runtime that is driven through the `rkllm` program."""
    path = write_model(models_dir / name, context_limit=context_length, load_fault=load_fault)
    (path.parent / "model.yaml").write_text(f"engine: rkllm_cli\ncontext_length: {context_length}\n")
    return Catalog(Settings(models_dir=models_dir), SUFFIXES).resolve(name)


def children_of(pid: int) -> set[int]:
    """The living children of `pid`, from /proc."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.add(int(stat.parent.name))
    return found


def alive(pid: int) -> bool:
    """Whether `pid` is a running process (a zombie is none)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
