"""What of a job the NPU engine will not do: the part of `engines.support` that depends on the runtime's release."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from services.core.request import EngineRequest
from services.core.settings import Settings
from services.engines.rkllm import abi as rkllm_abi
from services.engines.rkllm import library as rkllm_library
from services.engines.rkllm.sampling import DEFAULTS
from services.engines.worker.loop import LoadFailed

SAMPLING = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "repeat_penalty")
"""What librkllmrt knows of OpenAI's and llama.cpp's parameters."""


def rkllm(settings: Settings, request: EngineRequest) -> list[str]:
    """The parameters of `request` without effect, by OpenAI's names. Reads no more than the times of files."""
    sampling = request.sampling
    names = [name for name in ("seed", "min_p", "logit_bias") if getattr(sampling, name) is not None]
    names += ["logprobs"] if request.generation.logprobs is not None else []
    names += ["response_format"] if request.json_schema is not None else []
    return names if per_run(settings, request) else names + fixed(request)


def fixed(request: EngineRequest) -> list[str]:
    """The sampling parameters that differ from those the model is loaded with."""
    loaded = {**DEFAULTS, **dict(request.model.sampling)}
    wanted = {name: getattr(request.sampling, name) for name in SAMPLING}
    return [name for name, value in wanted.items() if value is not None and value != loaded[name]]


def per_run(settings: Settings, request: EngineRequest) -> bool:
    """Whether the library that serves the job takes sampling per run."""
    setting = str(settings.runtime_library or "")
    files = tuple((path, path.stat().st_mtime_ns) for path in rkllm_library.candidates(setting) if path.exists())
    abi = rkllm_abi.of_release(chosen(setting, request.model.runtime, files))
    return abi is None or abi.per_run


@lru_cache(maxsize=16)
def chosen(setting: str, wanted: str, files: tuple[tuple[Path, int], ...]) -> str:
    """The release the worker will load, empty if it will find none; `files` makes a changed folder another question."""
    try:
        return rkllm_library.choose(setting, wanted)[1] if files else ""
    except LoadFailed:
        return ""
