"""The baseline: the same engine program, driven over its pipes by `WorkerEngine` in this process, without HTTP."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from services.answering.plan import plan
from services.core.client import NOBODY
from services.core.events import Text
from services.core.message import message
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest
from services.core.sampling import Sampling
from services.core.settings import Settings, from_environment
from services.engines.base import Engine
from services.engines.registry import SUFFIXES
from services.models.catalog import Catalog
from tests.engines import fake


class Planner:
    """Converts a request body to the engine request that the server would make of it."""

    def __init__(self, env: Mapping[str, str], model: str) -> None:
        """Read the settings in `env` and find `model`. Raises `SettingsError` and `ModelNotFound`."""
        self.settings: Settings = from_environment(env)
        self.model: Model = Catalog(self.settings, SUFFIXES).resolve(model)

    def engine_request(self, body: dict[str, Any]) -> EngineRequest:
        """Return the engine request for `body`."""
        request = GenerationRequest(
            messages=tuple(message(each["role"], each["content"]) for each in body["messages"]),
            max_tokens=body["max_tokens"],
            sampling=Sampling(temperature=body.get("temperature"), seed=body.get("seed")),
        )
        return plan(request, self.model, self.settings, "bench")


class Direct:
    """The scripted engine, loaded."""

    def __init__(self, engine: Engine, planner: Planner) -> None:
        """Keep the engine, which is loaded."""
        self._engine, self._planner = engine, planner

    def tokens(self, body: dict[str, Any]) -> tuple[float, list[float]]:
        """Run `body`; return when it began and when each token arrived, in `perf_counter` seconds. Blocks."""
        request = self._planner.engine_request(body)
        started = time.perf_counter()
        events = self._engine.generate(request, NOBODY)
        return started, [time.perf_counter() for event in events if isinstance(event, Text)]


@contextlib.contextmanager
def direct(env: Mapping[str, str], model: str) -> Iterator[Direct]:
    """Load the engine and yield it; it is killed at the end of the block. Blocks until it is loaded."""
    planner = Planner(env, model)
    engine = fake(planner.settings, planner.model)
    engine.start()
    try:
        for _ in engine.ready(NOBODY):
            pass
        yield Direct(engine, planner)
    finally:
        engine.stop()
