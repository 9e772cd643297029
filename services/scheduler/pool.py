"""Keep models loaded, and unload some where another one needs the room.

Only the owner of the slot may change it, so it needs no lock. Any thread may read the snapshots (`engines`,
`is_loaded`, `time_left`) at any time; they never block.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.core.client import Client
from services.core.errors import ServiceError
from services.core.events import Waiting
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.settings import Settings
from services.engines.base import Engine
from services.engines.registry import spec_of
from services.scheduler.eviction import Candidate, plan_evictions
from services.scheduler.memory import Memory
from services.scheduler.prompt_owners import PromptOwners

Reason = Literal["swap", "changed", "idle", "request"]
"""Why a model is unloaded, as the label of a metric: for another model, because its files changed, because nobody used
it, or because a client asked for it."""

log = logging.getLogger(__name__)


@dataclass
class LoadedModel:
    """A model in the pool. Its engine loads, is ready, or has died."""

    engine: Engine
    last_used: float
    """Time of the pool's clock in seconds."""
    keep_alive: float
    """Seconds from `last_used` until it is unloaded; infinite for never."""
    load_started: float | None
    """When its load started, while the client that started it still waits; else None."""
    ready: bool = False
    owners: PromptOwners = field(default_factory=PromptOwners)
    """Whose prompts its cache may have."""


class ModelPool:
    """The loaded models, the least recently used first. One of them runs at a time; the others only use memory."""

    def __init__(
        self,
        make: Callable[[Model], Engine],
        settings: Settings,
        metrics: Metrics,
        memory: Memory,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make an empty pool. `make` returns the engine of a model, not started."""
        self._make, self._metrics, self._memory, self._clock = make, metrics, memory, clock
        self._max_models = settings.models_resident
        self._idle_limit = settings.idle_unload_timeout or math.inf
        self._models: dict[str, LoadedModel] = {}  # in the order of their use
        self._died: set[str] = set()  # models whose engine died and was not started again yet

    @property
    def engines(self) -> tuple[Engine, ...]:
        """Return the engines in the pool, the last used one last; a snapshot."""
        return tuple(loaded.engine for loaded in tuple(self._models.values()))

    def is_loaded(self, model_id: str) -> bool:
        """Return whether the model can run without a new load; a snapshot."""
        loaded = self._models.get(model_id)
        return loaded is not None and loaded.engine.alive

    def time_left(self, active: bool) -> Mapping[str, float]:
        """Return for each model, the last used one last, in how many seconds it is unloaded; a snapshot.

        With `active`, the last one is in use, and its time starts when that use ends.
        """
        now, models = self._clock(), tuple(self._models.items())
        left = {model_id: loaded.keep_alive - (now - loaded.last_used) for model_id, loaded in models}
        if active and models:
            model_id, loaded = models[-1]
            left[model_id] = loaded.keep_alive
        return left

    def acquire(self, model: Model, client: Client) -> Generator[Waiting, None, Engine]:
        """Return the ready engine of `model`. Blocks while it loads, with `Waiting` events meanwhile.

        A model whose settings changed on disk is loaded again. So is one whose engine died: the request that it broke
        has got the error. A client that leaves does not stop the load, since the next request is likely to want the
        same model. Raises what `Engine.start` and `Engine.ready` raise.
        """
        loaded = self._reuse(model) or self._start(model)
        # Taken at once: if this client leaves, the time of the load is nobody's wait and not measured.
        load_started, loaded.load_started = loaded.load_started, None
        try:
            yield from loaded.engine.ready(client)
        except ServiceError as error:
            self._count_failure(model, error)
            self._remove(model.id)
            loaded.engine.stop()
            raise
        if not loaded.ready:
            loaded.ready = True
            self._finish_load(loaded.engine, load_started)
        return loaded.engine

    def owners(self, model_id: str) -> PromptOwners:
        """Return whose prompts the cache of a model in the pool may have."""
        return self._models[model_id].owners

    def release(self, model_id: str, keep_alive: float | None = None) -> None:
        """Note that the model is idle now, and keep it for `keep_alive` seconds; None: for the idle limit."""
        if keep_alive == 0:
            self.evict(model_id, "request")
        elif loaded := self._models.get(model_id):
            loaded.last_used = self._clock()
            loaded.keep_alive = self._idle_limit if keep_alive is None else keep_alive

    def evict(self, model_id: str, reason: Reason) -> list[str]:
        """Unload a model and return its id in a list; an empty list if it is not in the pool.

        Blocks for the milliseconds that it takes to kill the engine.
        """
        loaded = self._models.get(model_id)
        if loaded is None:
            return []
        alive = loaded.engine.alive
        if alive:
            self._memory.learn(loaded.engine)
            self._metrics.evictions.labels(model_id, reason).inc()
        else:
            self._died.add(model_id)
        self._remove(model_id)
        loaded.engine.stop()
        log.info("Unloaded %s (%s)", model_id, reason if alive else "its engine died")
        return [model_id]

    def evict_all(self, reason: Reason) -> list[str]:
        """Unload all models and return their ids, the last used one last. Blocks as `evict` does."""
        return [model_id for other in tuple(self._models) for model_id in self.evict(other, reason)]

    def tidy(self) -> None:
        """Unload the models whose time is over and those whose engine died. Blocks as `evict` does."""
        now = self._clock()
        for model_id, loaded in tuple(self._models.items()):
            if loaded.keep_alive <= now - loaded.last_used or not loaded.engine.alive:
                self.evict(model_id, "idle")

    def _reuse(self, model: Model) -> LoadedModel | None:
        """Return the loaded `model`, now the last used one; None where it must be loaded."""
        loaded = self._models.get(model.id)
        if loaded is None:
            return None
        if not loaded.engine.alive or loaded.engine.model != model:
            self.evict(model.id, "changed")
            return None
        self._models[model.id] = self._models.pop(model.id)
        return loaded

    def _start(self, model: Model) -> LoadedModel:
        self._make_room(model, self._memory.needed(model))
        if model.id in self._died:
            self._metrics.engine_restarts.labels(model.id).inc()
            self._died.remove(model.id)
        started = self._clock()
        engine = None
        try:
            engine = self._make(model)
            engine.start()
        except ServiceError as error:
            self._count_failure(model, error)
            if engine is not None:
                engine.stop()
            raise
        loaded = self._models[model.id] = LoadedModel(engine, started, self._idle_limit, started)
        return loaded

    def _make_room(self, model: Model, more: int) -> None:
        """Unload other models until `model` fits, which needs `more` bytes beside what is loaded.

        What an unload will free is an estimate, so the memory is measured again after each plan.
        """
        while plan := plan_evictions(
            [self._candidate(engine) for engine in self.engines if engine.model.id != model.id],
            spec_of(model).exclusive_device,
            self._max_models,
            self._memory.missing(self.engines, more),
        ):
            for eviction in plan:
                log.info("%s makes room for %s (%s)", eviction.model_id, model.id, eviction.cause)
                self.evict(eviction.model_id, "swap")

    def _candidate(self, engine: Engine) -> Candidate:
        return Candidate(engine.model.id, self._memory.taken(engine), spec_of(engine.model).exclusive_device)

    def _finish_load(self, engine: Engine, started: float | None) -> None:
        """Measure a load that is done; its time only where one client waited from `started` to the end."""
        model = engine.model
        if release := engine.info.get("runtime"):
            self._metrics.runtime.labels(model.engine, str(release)).set(1)
        self._metrics.loaded.labels(model.id).set(1)
        if started is not None:
            self._metrics.load_time.labels(model.id).observe(self._clock() - started)
        # Only now is it known what the model takes. Where that is more than the estimate, other models make room.
        self._make_room(model, 0)

    def _count_failure(self, model: Model, error: ServiceError) -> None:
        # A model that failed to load does not count as died: its next start is no restart after a crash.
        self._metrics.load_failures.labels(model.id, error.code or error.type).inc()

    def _remove(self, model_id: str) -> None:
        del self._models[model_id]
        for gauge in (self._metrics.loaded, self._metrics.kv_usage):
            gauge.remove_by_labels({"model": model_id})
