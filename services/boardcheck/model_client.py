"""Ask one loaded model for the trial: answers with their times, and the facts of each run of the runtime."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.answering.plan import plan
from services.core.client import NOBODY
from services.core.events import Done, Reasoning, Text
from services.core.message import Message, Messages, message
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest
from services.core.sampling import Sampling
from services.core.settings import Settings
from services.engines.base import Engine

ANSWER = 64
"""Tokens: enough to measure a speed and to let a short answer end by itself, few enough for a slow board."""

RunInfo = Mapping[str, str | int | float]
"""Facts of one run, as `WorkerEngine.run_info` has them; empty for an engine that reports none."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; times are in seconds since the request."""

    text: str
    """The reasoning and the answer."""
    done: Done
    first_token: float
    duration: float
    run_info: RunInfo


class ModelClient:
    """One engine and its model. Not thread-safe."""

    def __init__(self, settings: Settings, model: Model, engine: Engine) -> None:
        """Keep the engine; `load` starts it. The caller stops it."""
        self._settings, self._model, self.engine = settings, model, engine

    def load(self) -> float:
        """Load the model and return the seconds it took. Blocks. Raises `ServiceError`."""
        start = time.monotonic()
        self.engine.start()
        for _ in self.engine.ready(NOBODY):
            pass
        return time.monotonic() - start

    @property
    def run_info(self) -> RunInfo:
        """Return the facts of the last run that has ended."""
        return getattr(self.engine, "run_info", {})

    def request(self, messages: Messages, max_tokens: int = ANSWER, thinking: bool | None = None) -> EngineRequest:
        """Return the engine's request for a chat, at temperature 0 so that answers can be compared."""
        greedy = Sampling(temperature=0)
        request = GenerationRequest(messages, max_tokens=max_tokens, sampling=greedy, thinking=thinking)
        return plan(request, self._model, self._settings, "boardcheck")

    def ask(self, *messages: Message, **options: Any) -> Reply:
        """Return the complete answer; `options` are those of `request`. Blocks. Raises `ServiceError`."""
        start = time.monotonic()
        first, pieces, done = None, [], None
        for event in self.engine.generate(self.request(messages, **options), NOBODY):
            if isinstance(event, Text | Reasoning):
                first = first or time.monotonic() - start
                pieces.append(event.text)
            elif isinstance(event, Done):
                done = event
        assert done is not None
        duration = time.monotonic() - start
        return Reply("".join(pieces), done, first or duration, duration, self.run_info)


def user_message(text: str) -> Message:
    """Return a user's message."""
    return message("user", text)


def describe_end(run_info: RunInfo) -> str:
    """Return in words how the runtime ended a run."""
    if not run_info:
        return "nothing is known of the run's end"
    return f"last state {run_info['last_state']}, rkllm_run returned {run_info['returned']}"
