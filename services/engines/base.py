"""Define what the rest of the server knows of an engine: its specification, and one loaded model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from prometheus_client.registry import Collector

from services.core.client import Client
from services.core.events import Event, Waiting
from services.core.model import Model
from services.core.request import EngineRequest
from services.core.settings import Settings
from services.engines.memory import memory_needed

Device = Literal["cpu", "npu"]

EXCLUSIVE: frozenset[Device] = frozenset({"npu"})
"""Devices that take one model at a time: two users of the NPU can hang it, and its lock refuses the second."""


class Engine(Protocol):
    """Run one model. Called only by the holder of the device's slot, except `alive` and `pid`, snapshots for anyone."""

    model: Model

    @property
    def info(self) -> Mapping[str, str | int | float]:
        """Return what is known of the model and its runtime once it is loaded; ``runtime`` is the runtime's release."""

    @property
    def alive(self) -> bool:
        """Return whether the engine can still serve. Never blocks."""

    @property
    def pid(self) -> int:
        """Return the child process's id, for logs and tests; 0 before `start`. Never blocks."""

    def start(self) -> None:
        """Begin to load the model. Does not wait for it. Raises `EngineFailed` if the child cannot be started."""

    def ready(self, client: Client) -> Iterator[Waiting]:
        """Block until the model is loaded, with a `Waiting` per heartbeat; return at once when it already is.

        Raises `EngineFailed` or `EngineTimeout`, and then the engine is dead; raises `ClientGone`, and then it
        goes on loading.
        """

    def generate(self, request: EngineRequest, client: Client) -> Iterator[Event]:
        """Run `request` and yield its events, blocking between them.

        Closing the iterator cancels the run; when `close` returns, the engine is idle or dead. Raises any
        `ServiceError`, or `ClientGone`.
        """

    def stop(self) -> None:
        """Kill the child and wait for its end (milliseconds). May be called twice."""


def no_limits(_settings: Settings, _request: EngineRequest) -> Iterable[str]:
    """Return no names: the engine does everything a request can ask for."""
    return ()


def renders_none(_settings: Settings) -> bool:
    """Return False: the engine never renders tools with the model's own template."""
    return False


def least_memory(model: Model) -> int:
    """Return the bytes that `model` takes at least, estimated from the size of its file."""
    return int(memory_needed(model.size_bytes, model.context_length))


def no_release() -> str:
    """Return nothing: the library's release is known only once a model is loaded (`Engine.info`)."""
    return ""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """State what an engine is and can do. `registry.SPECS` has one per engine.

    The defaults are those of a CPU engine that only writes answers.
    """

    name: str
    """As in ``engine:`` of a ``model.yaml``, and in the label of a metric."""
    make: Callable[[Settings, Model], Engine]
    """Returns the engine of a model, not started. Never blocks. May raise `Unavailable`."""
    suffixes: tuple[str, ...] = ()
    """Of the model files it drives where their ``model.yaml`` names no engine; in lower case, with the dot."""
    device: Device = "cpu"
    grammar: bool = False
    """Whether it makes every answer satisfy a JSON schema, by a grammar while it samples."""
    scores: bool = False
    """Whether it tells how likely the tokens of a prompt are."""
    system_messages: bool = True
    """Whether its prompts can have a system message."""
    renders_template: Callable[[Settings], bool] = renders_none
    """Returns whether it renders the model's own chat template, which may describe tools. Pure."""
    unsupported: Callable[[Settings, EngineRequest], Iterable[str]] = no_limits
    """Returns the parameters of a request without effect, as clients know them. It may read times of files, no more."""
    memory: Callable[[Model], int] = least_memory
    """Returns an estimate of the bytes a model takes, on the low side."""
    release: Callable[[], str] = no_release
    """Returns the release of its library where it is known without a model; empty elsewhere."""
    collector: Callable[[Settings], Collector] | None = None
    """Makes the Prometheus collector of its device, if it has one."""

    @property
    def exclusive_device(self) -> Device | None:
        """Return the device that a model occupies alone while it is loaded; None where models can share it."""
        return self.device if self.device in EXCLUSIVE else None
