"""Which engine is in. Only the holder of the turn calls anything here but the snapshots."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator

from services.core.client import Client
from services.core.errors import ServiceError
from services.core.events import Waiting
from services.core.model import Model
from services.engines.base import Engine

log = logging.getLogger(__name__)


class Slot:
    """The one place an engine can be: empty, or with an engine that loads, is ready, or has died."""

    def __init__(self, make: Callable[[Model], Engine]) -> None:
        """`make` returns the engine of a model, not started."""
        self._make = make
        self._engine: Engine | None = None

    @property
    def model(self) -> Model | None:
        """The model that is loaded or loading; a snapshot for anyone."""
        engine = self._engine
        return engine.model if engine else None

    @property
    def healthy(self) -> bool:
        """Whether there is an engine and its process lives; a snapshot for anyone."""
        engine = self._engine
        return engine is not None and engine.alive

    @property
    def pid(self) -> int | None:
        """The engine's process; a snapshot for anyone."""
        engine = self._engine
        return engine.pid if engine else None

    def hold(self, model: Model, client: Client) -> Generator[Waiting, None, Engine]:
        """Make `model` the loaded one and return its engine, ready. Blocks while it loads.

        A model whose settings changed on disk is another model. An engine that died is replaced without a word: its
        end was told to the request it broke. A client that leaves does not stop the load, since the next request is
        likely to want the same model. Raises what `Engine.start` and `Engine.ready` raise.
        """
        if self._engine is None or not self._engine.alive or self._engine.model != model:
            self.drop()
            self._engine = self._start(model)
        try:
            yield from self._engine.ready(client)
        except ServiceError:
            self.drop()
            raise
        return self._engine

    def _start(self, model: Model) -> Engine:
        engine = self._make(model)
        try:
            engine.start()
        except ServiceError:
            engine.stop()
            raise
        return engine

    def drop(self) -> Model | None:
        """Unload what is in; returns the model it was. Blocks for the milliseconds a kill takes."""
        engine, self._engine = self._engine, None
        if engine is None:
            return None
        engine.stop()
        log.info("Unloaded %s", engine.model.id)
        return engine.model
