"""Which engine is in. Only the holder of the turn calls anything here but the snapshots."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator

from services.core.client import Client
from services.core.errors import ServiceError
from services.core.events import Waiting
from services.core.metrics import Metrics
from services.core.model import Model
from services.engines.base import Engine

log = logging.getLogger(__name__)


class Slot:
    """The one place an engine can be: empty, or with an engine that loads, is ready, or has died."""

    def __init__(
        self,
        make: Callable[[Model], Engine],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`make` returns the engine of a model, not started."""
        self._make = make
        self._metrics = metrics
        self._clock = clock
        self._engine: Engine | None = None
        self._died: str | None = None
        """The model of an engine that died and has had no successor yet."""
        self._began: float | None = None
        """When the load began that somebody has waited for ever since."""

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
            self.drop("swap" if self._engine is None or self._engine.model.id != model.id else "changed")
            self._engine = self._start(model)
        engine, began = self._engine, self._began
        self._began = None
        try:
            yield from engine.ready(client)
        except ServiceError as error:
            self._failed(model, error)
            self._forget()
            engine.stop()
            raise
        self._loaded(engine, began)
        return engine

    def _start(self, model: Model) -> Engine:
        if self._died is not None:
            self._metrics.engine_restarts.labels(self._died).inc()
            self._died = None
        self._began = self._clock()
        engine = None
        try:
            engine = self._make(model)
            engine.start()
        except ServiceError as error:
            self._failed(model, error)
            if engine is not None:
                engine.stop()
            raise
        return engine

    def _failed(self, model: Model, error: ServiceError) -> None:
        """A load that failed is counted as such; its engine's end is no death that the next start would make good."""
        self._metrics.load_failures.labels(model.id, error.code or error.type).inc()

    def _loaded(self, engine: Engine, began: float | None) -> None:
        """Note the load's end; its time only where somebody waited from beginning to end and so saw both."""
        model = engine.model
        if release := engine.info.get("runtime"):
            self._metrics.runtime.labels(model.engine, str(release)).set(1)
        self._metrics.loaded.labels(model.id).set(1)
        if began is not None:
            self._metrics.load_time.labels(model.id).observe(self._clock() - began)

    def _forget(self) -> None:
        self._engine = None
        self._metrics.loaded.clear()
        self._metrics.kv_usage.clear()

    def drop(self, reason: str) -> Model | None:
        """Unload what is in, for the log and the metrics with its `reason`; returns the model it was.

        Blocks for the milliseconds a kill takes.
        """
        engine = self._engine
        if engine is None:
            return None
        if engine.alive:
            self._metrics.evictions.labels(engine.model.id, reason).inc()
        else:
            self._died = engine.model.id
        self._forget()
        engine.stop()
        log.info("Unloaded %s", engine.model.id)
        return engine.model
