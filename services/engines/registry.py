"""Which engine drives which model file: the one table of engines."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from services.core.errors import Unavailable
from services.core.model import Model
from services.core.settings import Settings, without_secrets
from services.engines.base import Engine
from services.engines.rkllm_cli.engine import RkllmCliEngine
from services.engines.worker.limits import Limits
from services.engines.worker.parent import WorkerEngine, worker_argv
from services.models import folder as model_folder

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the `services` package, so that a worker finds it from any working directory."""

READING = ("embedding", "rerank")
"""What llama.cpp must be loaded for besides, where a model can do it."""

ALONE = frozenset({"rkllm", "rkllm_cli"})
"""Engines of which one alone may be in: two users of the NPU can hang it, and the NPU's lock refuses the second."""


def limits(settings: Settings) -> Limits:
    return Limits(
        load=settings.model_load_timeout,
        first_token=settings.first_token_timeout,
        first_token_per_token=settings.first_token_timeout_per_token,
        silence=settings.fallback_silence,
        generation=settings.generation_timeout,
        cancel=settings.cancel_timeout,
        heartbeat=settings.heartbeat_interval,
    )


def worker_env() -> dict[str, str]:
    # Idle OpenMP threads spin by default; beside other processes on the same cores that makes decoding ten times
    # slower (measured: 1-4 tok/s against 12-48 on two busy cores).
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {"OMP_WAIT_POLICY": "passive", **without_secrets(os.environ), "PYTHONPATH": path}


def llama_options(settings: Settings, model: Model) -> dict[str, Any]:
    cores = os.cpu_count() or 1
    return {
        "context_length": model.context_length,
        "threads": settings.cpu_threads or max(1, cores - 1),
        "threads_batch": settings.cpu_threads_batch or cores,
        "batch_size": settings.cpu_batch_size,
        "prompt_cache_mib": settings.cpu_prompt_cache_mib,
        "embedding": not model.capabilities.isdisjoint(READING),
        "pooling": "rank" if "rerank" in model.capabilities else model.pooling,
        "read_length": min(model.context_length, model_folder.READ_LENGTH_MAX),
    }


def llama(settings: Settings, model: Model) -> Engine:
    argv = worker_argv("services.engines.llama.worker")
    return WorkerEngine(model, argv, worker_env(), llama_options(settings, model), limits(settings))


def rkllm_options(settings: Settings, model: Model) -> dict[str, Any]:
    return {
        "context_length": model.context_length,
        "runtime_library": str(settings.runtime_library or ""),
        "runtime": model.runtime,
        "kv_strategy": settings.kv_strategy,
        "prompt": settings.npu_prompt,
        "opens_reasoning": model.opens_reasoning,
        "vectors": model.capabilities == {"embedding"},
        "sampling": dict(model.sampling),
        "domain": settings.npu_domain,
        "embed_flash": settings.npu_embed_flash,
        "lock": str(settings.npu_lock or ""),
    }


def rkllm(settings: Settings, model: Model) -> Engine:
    argv = worker_argv("services.engines.rkllm.worker")
    return WorkerEngine(model, argv, worker_env(), rkllm_options(settings, model), limits(settings))


def rkllm_cli(settings: Settings, model: Model) -> Engine:
    lock = str(settings.npu_lock or "")
    return RkllmCliEngine(model, settings.binary, limits(settings), settings.use_multiline_protocol, lock)


Maker = Callable[[Settings, Model], Engine]

ENGINES: Mapping[str, Maker] = {"llama": llama, "rkllm": rkllm, "rkllm_cli": rkllm_cli}


def maker(settings: Settings, engines: Mapping[str, Maker] = ENGINES) -> Callable[[Model], Engine]:
    """Returns a function that makes the engine of a model without starting it.

    That function raises `Unavailable` for a model whose engine this installation does not have.
    """

    def make(model: Model) -> Engine:
        if model.engine not in engines:
            known = ", ".join(sorted(engines))
            raise Unavailable(
                f"The model {model.id!r} needs the engine {model.engine!r}; this installation has: {known}. "
                "Choose a model for one of those."
            )
        return engines[model.engine](settings, model)

    return make
