"""Specify the engine that is the `rkllm` program: greedy, one user message, a chat template around everything.

No model has this engine by default: a ``model.yaml`` chooses it with ``engine: rkllm_cli``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.core.model import Model
from services.core.request import EngineRequest
from services.core.sampling import NEUTRAL, given
from services.core.settings import Settings
from services.engines.base import Engine, EngineSpec
from services.engines.rkllm_cli.engine import RkllmCliEngine
from services.engines.worker.limits import Limits

GREEDY: Mapping[str, tuple[Any, ...]] = {
    **NEUTRAL,
    "temperature": (0,),
    "top_k": (0, 1),
}
"""For sampling parameters, the values that ask for what a greedy engine does; each other value asks for more."""


def make(settings: Settings, model: Model) -> Engine:
    """Return the engine of `model`, not started."""
    lock = str(settings.npu_lock or "")
    return RkllmCliEngine(model, settings.binary, Limits.of(settings), settings.use_multiline_protocol, lock)


def unsupported(_settings: Settings, request: EngineRequest) -> Iterator[str]:
    """Yield the parameters of `request` without effect, by the names a client knows."""
    for name, value in given(request.sampling).items():
        # Any seed is honoured: the same question always gets the same answer.
        if name != "seed" and value not in GREEDY.get(name, ()):
            yield name
    if request.kind == "completion":
        yield "prompt without a chat template"
    elif [message.role for message in request.messages] != ["user"]:
        yield "roles of messages"
    if request.generation.logprobs is not None:
        yield "logprobs"
    if request.template_kwargs.get("enable_thinking", False) is not False:
        yield "enable_thinking"
    if request.template_kwargs.keys() - {"enable_thinking"}:
        yield "chat_template_kwargs"


RKLLM_CLI = EngineSpec(
    name="rkllm_cli",
    make=make,
    device="npu",
    system_messages=False,
    unsupported=unsupported,
)
