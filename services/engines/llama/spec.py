"""Specify the CPU engine: llama.cpp, for every GGUF file."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Any

from services.core.model import Model
from services.core.settings import Settings
from services.engines.base import Engine, EngineSpec
from services.engines.worker.limits import Limits
from services.engines.worker.parent import WorkerEngine
from services.engines.worker.process import worker_argv, worker_env
from services.models.folder import READ_LENGTH_MAX

READING = ("embedding", "rerank")
"""What llama.cpp must be loaded for besides, where a model can do it."""


def options(settings: Settings, model: Model) -> dict[str, Any]:
    """Return the options of the worker's load."""
    cores = os.cpu_count() or 1
    return {
        "context_length": model.context_length,
        "file_bytes": model.size_bytes,
        "threads": settings.cpu_threads or max(1, cores - 1),
        "threads_batch": settings.cpu_threads_batch or cores,
        "batch_size": settings.cpu_batch_size,
        "prompt_cache_mib": settings.cpu_prompt_cache_mib,
        "embedding": not model.capabilities.isdisjoint(READING),
        "pooling": "rank" if "rerank" in model.capabilities else model.pooling,
        "read_length": min(model.context_length, READ_LENGTH_MAX),
    }


def make(settings: Settings, model: Model) -> Engine:
    """Return the engine of `model`, not started."""
    argv = worker_argv("services.engines.llama.worker")
    return WorkerEngine(model, argv, worker_env(), options(settings, model), Limits.of(settings))


def renders_template(_settings: Settings) -> bool:
    """Return True: llama.cpp always renders the template in the file."""
    return True


def release() -> str:
    """Return the release of the installed xllamacpp."""
    return version("xllamacpp")


LLAMA = EngineSpec(
    name="llama",
    make=make,
    suffixes=(".gguf",),
    grammar=True,
    scores=True,
    renders_template=renders_template,
    release=release,
)
