"""What the scheduler knows of an engine: one loaded model, one run at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from services.core.client import Client
from services.core.events import Event, Waiting
from services.core.model import Model
from services.core.request import EngineRequest


class Engine(Protocol):
    """Called only by the holder of the turn, except `alive` and `pid`, which are snapshots for anyone."""

    model: Model

    @property
    def info(self) -> Mapping[str, str | int | float]:
        """What is known of the model and its runtime once it is loaded; ``runtime`` is the runtime's release."""

    @property
    def alive(self) -> bool:
        """Whether the engine can still serve. Never blocks."""

    @property
    def pid(self) -> int:
        """The child process, for logs and tests. Never blocks."""

    def start(self) -> None:
        """Begin to load the model. Does not wait for it. Raises `EngineFailed` if the child cannot be started."""

    def ready(self, client: Client) -> Iterator[Waiting]:
        """Block until the model is loaded, with a `Waiting` per beat; returns at once when it already is.

        Raises `EngineFailed` or `EngineTimeout`, and then the engine is dead; raises `ClientGone`, and then it
        goes on loading.
        """

    def generate(self, request: EngineRequest, client: Client) -> Iterator[Event]:
        """Run `request`, blocking between events. Closing the iterator cancels the run; when `close` returns, the
        engine is idle or dead. Raises any `ServiceError`, or `ClientGone`.
        """

    def stop(self) -> None:
        """Kill the child and wait for its end (milliseconds). May be called twice."""
