"""Asking a model, for its trial: answers with their times, and what each run showed of the runtime."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.answering.plan import plan
from services.core.client import NOBODY
from services.core.events import Done, Reasoning, Text
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest, Sampling
from services.core.settings import Settings
from services.engines.base import Engine

ANSWER = 64
"""Tokens: enough for a speed and for a short answer to end by itself, few enough for a slow board."""

Told = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer and its times in seconds."""

    text: str
    done: Done
    first: float
    whole: float
    told: Told
    """What the run showed of the runtime, see `workers.rkllm`."""


class Asker:
    """One engine and its model. Not thread-safe."""

    def __init__(self, settings: Settings, model: Model, engine: Engine) -> None:
        self._settings, self._model, self.engine = settings, model, engine

    def load(self) -> float:
        """Load the model; returns the seconds it took. Raises `ServiceError`."""
        start = time.monotonic()
        self.engine.start()
        for _ in self.engine.ready(NOBODY):
            pass
        return time.monotonic() - start

    @property
    def told(self) -> Told:
        """What the newest run that has ended showed of the runtime."""
        return getattr(self.engine, "run_info", {})

    def request(
        self, messages: Sequence[dict[str, Any]], max_tokens: int = ANSWER, thinking: bool | None = None
    ) -> EngineRequest:
        greedy = Sampling(temperature=0)
        ask = GenerationRequest(
            self._model.id, tuple(messages), max_tokens=max_tokens, sampling=greedy, thinking=thinking
        )
        return plan(ask, self._model, self._settings, "boardcheck")

    def ask(self, *messages: dict[str, Any], **changes: Any) -> Reply:
        """The whole answer; `changes` are `request`'s. Blocks; raises `ServiceError`."""
        start = time.monotonic()
        first, pieces, done = None, [], None
        for event in self.engine.generate(self.request(messages, **changes), NOBODY):
            if isinstance(event, Text | Reasoning):
                first = first or time.monotonic() - start
                pieces.append(event.text)
            elif isinstance(event, Done):
                done = event
        assert done is not None
        whole = time.monotonic() - start
        return Reply("".join(pieces), done, first or whole, whole, self.told)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def ending(told: Told) -> str:
    """How the runtime ended a run."""
    if not told:
        return "nothing is known of the run's end"
    return f"last state {told['last_state']}, rkllm_run returned {told['returned']}"
