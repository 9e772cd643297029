"""Specify the NPU engine: Rockchip's librkllmrt, for every ``.rkllm`` file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.core.model import Model
from services.core.request import EngineRequest
from services.core.sampling import NEUTRAL, given
from services.core.settings import Settings
from services.engines.base import Engine, EngineSpec
from services.engines.npu.sensors import BoardCollector
from services.engines.rkllm import library as rkllm_library
from services.engines.rkllm.sampling import DEFAULTS
from services.engines.worker.limits import Limits
from services.engines.worker.parent import WorkerEngine
from services.engines.worker.process import worker_argv, worker_env

WORKER = "services.engines.rkllm.worker"


def options(settings: Settings, model: Model) -> dict[str, Any]:
    """Return the options of the worker's load."""
    return {
        "context_length": model.context_length,
        "runtime_library": str(settings.runtime_library or ""),
        "runtime": model.runtime,
        "runtime_layout": settings.runtime_layout,
        "kv_strategy": settings.kv_strategy,
        "prompt": settings.npu_prompt,
        "clear_template": settings.npu_clear_template,
        "opens_reasoning": model.opens_reasoning,
        # The library makes either answers or vectors of a loaded model; one that can do both writes answers.
        "vectors": model.capabilities == {"embedding"},
        "sampling": dict(model.sampling),
        "domain": settings.npu_domain,
        "embed_flash": settings.npu_embed_flash,
        "lock": str(settings.npu_lock or ""),
    }


def make(settings: Settings, model: Model) -> Engine:
    """Return the engine of `model`, not started."""
    return WorkerEngine(model, worker_argv(WORKER), worker_env(), options(settings, model), Limits.of(settings))


def renders_template(settings: Settings) -> bool:
    """Return whether the template beside the model is rendered, and not the runtime's own."""
    return settings.npu_prompt != "template"


def unsupported(settings: Settings, request: EngineRequest) -> Iterator[str]:
    """Yield the parameters of `request` without effect, by OpenAI's names. Reads no more than the times of files."""
    asked = given(request.sampling)
    yield from (name for name, value in asked.items() if name not in DEFAULTS and value not in NEUTRAL.get(name, ()))
    if request.generation.logprobs is not None:
        yield "logprobs"
    if not samples_per_run(settings, request.model):
        loaded = {**DEFAULTS, **dict(request.model.sampling)}
        yield from (name for name, value in asked.items() if name in DEFAULTS and value != loaded[name])


def samples_per_run(settings: Settings, model: Model) -> bool:
    """Return whether the library that serves `model` takes sampling per run; True where none is found."""
    abi = rkllm_library.table(str(settings.runtime_library or ""), model.runtime, settings.runtime_layout)
    return abi is None or abi.features.sampling_per_run


RKLLM = EngineSpec(
    name="rkllm",
    make=make,
    suffixes=(".rkllm",),
    device="npu",
    renders_template=renders_template,
    unsupported=unsupported,
    collector=BoardCollector,
)
