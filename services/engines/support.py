"""What a job asks for and its engine does not do: named to the client before the run, never passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from services.core.request import EngineRequest
from services.core.settings import Settings
from services.engines.rkllm.support import rkllm

GREEDY: Mapping[str, tuple[Any, ...]] = {
    "temperature": (0,),
    "top_p": (1,),
    "top_k": (0, 1),
    "min_p": (0,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repeat_penalty": (1,),
    "logit_bias": (),
}
"""Sampling parameters a greedy engine does not have, each with the values that ask for nothing else.

A seed is not among them: the same question always gets the same answer.
"""


def rkllm_cli(settings: Settings, request: EngineRequest) -> Iterator[str]:
    """The `rkllm` program: greedy, one user turn, a chat template around everything, no thinking."""
    sampling = asdict(request.sampling)
    for name, idle in GREEDY.items():
        if sampling[name] is not None and sampling[name] not in idle:
            yield name
    if request.kind == "completion":
        yield "prompt without a chat template"
    elif [message.role for message in request.messages] != ["user"]:
        yield "roles of messages"
    if request.generation.logprobs is not None:
        yield "logprobs"
    if request.json_schema is not None:  # of a raw prompt; a chat's is checked after the run
        yield "response_format"
    if request.template_kwargs.get("enable_thinking", False) is not False:
        yield "enable_thinking"
    if request.template_kwargs.keys() - {"enable_thinking"}:
        yield "chat_template_kwargs"


GRAMMARS = frozenset({"llama"})
"""The engines that hold an answer to a schema while it is written."""

LIMITS: Mapping[str, Callable[[Settings, EngineRequest], Iterable[str]]] = {"rkllm": rkllm, "rkllm_cli": rkllm_cli}
"""Per engine; one that is not here does all a job can ask."""


def unsupported(settings: Settings, request: EngineRequest) -> list[str]:
    """What of `request` its model's engine does not do, by the names a client knows. Reads the times of a few files."""
    limits = LIMITS.get(request.model.engine)
    return list(limits(settings, request)) if limits else []
