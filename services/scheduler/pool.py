"""Which engines are in. Only the holder of the turn calls anything here but the snapshots."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

from services.core.client import Client
from services.core.errors import ServiceError
from services.core.events import Waiting
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.settings import Settings
from services.engines.base import Engine
from services.engines.registry import ALONE
from services.scheduler.memory import Memory

log = logging.getLogger(__name__)


@dataclass
class LoadedModel:
    """An engine that loads, is ready, or has died."""

    engine: Engine
    used: float
    """When it was last used."""
    keep: float
    """Seconds from then until it is unloaded; infinite for never."""
    began: float | None
    """When the load began that somebody has waited for ever since."""
    loaded: bool = False


class ModelPool:
    """The engines that are in, the least recently used first. One runs at a time, the others only keep their memory."""

    def __init__(
        self,
        make: Callable[[Model], Engine],
        settings: Settings,
        metrics: Metrics,
        memory: Memory,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`make` returns the engine of a model, not started."""
        self._make, self._metrics, self._memory, self._clock = make, metrics, memory, clock
        self._most = settings.models_resident
        self._idle_limit = settings.idle_unload_timeout or math.inf
        self._models: dict[str, LoadedModel] = {}
        self._died: set[str] = set()
        """The models whose engines died and have had no successor yet."""

    @property
    def engines(self) -> tuple[Engine, ...]:
        """Those that are in, the last used one last; a snapshot for anyone."""
        return tuple(loaded_model.engine for loaded_model in tuple(self._models.values()))

    def holds(self, model_id: str) -> bool:
        """Whether the model needs no load; a snapshot for anyone."""
        loaded_model = self._models.get(model_id)
        return loaded_model is not None and loaded_model.engine.alive

    def hold(self, model: Model, client: Client) -> Generator[Waiting, None, Engine]:
        """Have `model` in and return its engine, ready. Blocks while it loads.

        A model whose settings changed on disk is another model. An engine that died is replaced without a word: its
        end was told to the request it broke. A client that leaves does not stop the load, since the next request is
        likely to want the same model. Raises what `Engine.start` and `Engine.ready` raise.
        """
        loaded_model = self._there(model) or self._start(model)
        engine, began, loaded_model.began = loaded_model.engine, loaded_model.began, None
        try:
            yield from engine.ready(client)
        except ServiceError as error:
            self._failed(model, error)
            self._forget(model.id)
            engine.stop()
            raise
        if not loaded_model.loaded:
            loaded_model.loaded = True
            self._loaded(engine, began)
        return engine

    def release(self, model_id: str, keep: float | None = None) -> None:
        """The engine is idle from now on, and stays for `keep` seconds; None: for the idle limit."""
        if keep == 0:
            self.drop(model_id, "request")
        elif loaded_model := self._models.get(model_id):
            loaded_model.used, loaded_model.keep = self._clock(), self._idle_limit if keep is None else keep

    def expiries(self, active: bool) -> Mapping[str, float]:
        """The models that are in, the last used one last, and in how many seconds each is unloaded; for anyone.

        The last one, where something is `active`, is in use: its time begins at its end, which is not before now.
        """
        now, loaded_models = self._clock(), tuple(self._models.items())
        left = {model_id: loaded_model.keep - (now - loaded_model.used) for model_id, loaded_model in loaded_models}
        if active and loaded_models:
            model_id, loaded_model = loaded_models[-1]
            left[model_id] = loaded_model.keep
        return left

    def drop(self, model_id: str, reason: str) -> list[str]:
        """Unload a model, for the log and the metrics with the `reason`; returns it, or nothing where it is not in.

        Blocks for the milliseconds a kill takes.
        """
        loaded_model = self._models.get(model_id)
        if loaded_model is None:
            return []
        if loaded_model.engine.alive:
            self._memory.learn(loaded_model.engine)
            self._metrics.evictions.labels(model_id, reason).inc()
        else:
            self._died.add(model_id)
        self._forget(model_id)
        loaded_model.engine.stop()
        log.info("Unloaded %s", model_id)
        return [model_id]

    def drop_all(self, reason: str) -> list[str]:
        """Unload everything; returns the models, the last used one last."""
        return [model_id for other in tuple(self._models) for model_id in self.drop(other, reason)]

    def tidy(self) -> None:
        """Unload what nobody used for as long as it stays, and what died."""
        now = self._clock()
        for model_id, loaded_model in tuple(self._models.items()):
            if loaded_model.keep <= now - loaded_model.used or not loaded_model.engine.alive:
                self.drop(model_id, "idle")

    def _there(self, model: Model) -> LoadedModel | None:
        """The resident of `model`, now the last used one; None where there is none that can serve."""
        loaded_model = self._models.get(model.id)
        if loaded_model is None:
            return None
        if not loaded_model.engine.alive or loaded_model.engine.model != model:
            self.drop(model.id, "changed")
            return None
        self._models[model.id] = self._models.pop(model.id)
        return loaded_model

    def _start(self, model: Model) -> LoadedModel:
        self._make_room(model)
        if model.id in self._died:
            self._metrics.engine_restarts.labels(model.id).inc()
            self._died.remove(model.id)
        began = self._clock()
        engine = None
        try:
            engine = self._make(model)
            engine.start()
        except ServiceError as error:
            self._failed(model, error)
            if engine is not None:
                engine.stop()
            raise
        loaded_model = self._models[model.id] = LoadedModel(engine, began, self._idle_limit, began)
        return loaded_model

    def _make_room(self, model: Model) -> None:
        """Unload what may not be in beside `model`, then the least recently used, until there is room."""
        for other in self.engines:
            if model.engine in ALONE and other.model.engine in ALONE:
                self.drop(other.model.id, "swap")
        while self._models and (
            0 < self._most <= len(self._models) or self._memory.short(self.engines, self._memory.needed(model))
        ):
            self.drop(next(iter(self._models)), "swap")

    def _loaded(self, engine: Engine, began: float | None) -> None:
        """Note the load's end; its time only where somebody waited from beginning to end and so saw both.

        What the model takes is known only now: where that is more than was thought, others make room.
        """
        model = engine.model
        if release := engine.info.get("runtime"):
            self._metrics.runtime.labels(model.engine, str(release)).set(1)
        self._metrics.loaded.labels(model.id).set(1)
        if began is not None:
            self._metrics.load_time.labels(model.id).observe(self._clock() - began)
        while len(self._models) > 1 and self._memory.short(self.engines, 0):
            self.drop(next(iter(self._models)), "swap")

    def _failed(self, model: Model, error: ServiceError) -> None:
        """A load that failed is counted as such; its engine's end is no death that the next start would make good."""
        self._metrics.load_failures.labels(model.id, error.code or error.type).inc()

    def _forget(self, model_id: str) -> None:
        del self._models[model_id]
        for gauge in (self._metrics.loaded, self._metrics.kv_usage):
            gauge.remove_by_labels({"model": model_id})
