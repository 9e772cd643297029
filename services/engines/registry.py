"""List the engines of this installation. To add one, write its folder and name its specification in `SPECS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from services.core.errors import Unavailable
from services.core.model import Model
from services.core.request import EngineRequest
from services.core.settings import Settings
from services.engines.base import Engine, EngineSpec
from services.engines.llama.spec import LLAMA
from services.engines.rkllm.spec import RKLLM
from services.engines.rkllm_cli.spec import RKLLM_CLI

SPECS: tuple[EngineSpec, ...] = (LLAMA, RKLLM, RKLLM_CLI)

SUFFIXES: Mapping[str, str] = {suffix: spec.name for spec in SPECS for suffix in spec.suffixes}
"""The engine of each kind of model file, by the file's suffix in lower case."""


def spec_of(model: Model, specs: Sequence[EngineSpec] = SPECS) -> EngineSpec:
    """Return the specification of the model's engine.

    A model may name an engine that is not installed (``engine:`` in its ``model.yaml``). Its specification promises
    nothing, and its `make` raises `Unavailable`.
    """
    found = (spec for spec in specs if spec.name == model.engine)
    return next(found, None) or not_installed(model.engine, specs)


def not_installed(name: str, specs: Sequence[EngineSpec]) -> EngineSpec:
    """Return the specification of an engine that is not among `specs`."""
    known = ", ".join(sorted(spec.name for spec in specs))

    def refuse(_settings: Settings, model: Model) -> Engine:
        raise Unavailable(
            f"The model {model.id!r} needs the engine {name!r}; this installation has: {known}. "
            "Choose a model for one of those."
        )

    return EngineSpec(name, refuse)


def maker(settings: Settings, specs: Sequence[EngineSpec] = SPECS) -> Callable[[Model], Engine]:
    """Return a function that makes the engine of a model without starting it. It raises as `EngineSpec.make` does."""
    return lambda model: spec_of(model, specs).make(settings, model)


def able_to_score(model: Model) -> bool:
    """Return whether the engine of `model` tells how likely the tokens of a prompt are."""
    return spec_of(model).scores


def unsupported(settings: Settings, request: EngineRequest) -> list[str]:
    """Return what of `request` its model's engine does not do, by the names a client knows.

    Reads no more than the times of a few files.
    """
    return list(spec_of(request.model).unsupported(settings, request))
