"""A model on this board: what can only be told by running it. Takes a minute or some, and the NPU for itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from services.boardcheck.finding import Finding
from services.chat.plan import plan
from services.core.client import NOBODY
from services.core.errors import ContextOverflow, ServiceError
from services.core.events import Done, Text
from services.core.job import Ask, Job, Sampling
from services.core.model import Model
from services.core.settings import Settings
from services.engines.base import Engine

STRATEGIES = ("prefix", "history")
"""Values of the setting ``kv_strategy``: sources disagree which of them a runtime honours."""

QUESTION = "Name three colours of the rainbow and say a word about each."
OTHER = "Write down the numbers from one to ten, each in a line of its own."
LONG = "The quick brown fox jumps over the lazy dog. " * 60
ANSWER = 24
"""Tokens: enough for a speed, few enough for a slow board."""

Make = Callable[[Settings, Model], Engine]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer and its times in seconds."""

    text: str
    done: Done
    first: float
    whole: float


def trial(settings: Settings, model: Model, make: Make) -> Iterator[Finding]:
    """Load `model` once per strategy and ask it things. Blocks; findings come as they are made."""
    best: Trial | None = None
    for strategy in STRATEGIES:
        tried = msgspec.structs.replace(settings, kv_strategy=strategy)
        one = Trial(tried, model, make(tried, model), strategy)
        try:
            yield from one.run()
        except ServiceError as error:
            yield Finding(f"model, {strategy}", "bad", error.message, "an answer", "mend what the reason names")
        else:
            if one.apart and (best is None or one.reused > best.reused):
                best = one
        finally:
            one.stop()
    yield settings_to_use(best)


def settings_to_use(best: Trial | None) -> Finding:
    if best:
        return Finding("settings to use", "good", f"kv_strategy: {best.strategy}")
    remedy = "send the report to the maintainers, and use another runtime release until then"
    return Finding("settings to use", "bad", "no strategy passed", "one that keeps conversations apart", remedy)


class Trial:
    """One engine under one strategy. Not thread-safe."""

    def __init__(self, settings: Settings, model: Model, engine: Engine, strategy: str) -> None:
        self._settings, self._model, self._engine, self.strategy = settings, model, engine, strategy
        self.apart = False
        """Whether no conversation was seen to change another's answer."""
        self.reused = 0.0
        """Share of a second turn's tokens that were not prefilled again, 0.0 to 1.0."""

    def stop(self) -> None:
        """End the engine."""
        self._engine.stop()

    def run(self) -> Iterator[Finding]:
        """The findings of this strategy. Raises `ServiceError` when the engine fails."""
        yield self._load()
        first = self._ask([user(QUESTION)])
        yield self._speed(first)
        yield self._reuse(first)
        yield self._apart(first)
        yield self._overflow()
        yield self._cancel()

    def _load(self) -> Finding:
        start = time.monotonic()
        self._engine.start()
        for _ in self._engine.ready(NOBODY):
            pass
        told = ", ".join(f"{name} {value}" for name, value in getattr(self._engine, "info", {}).items())
        return self._finding("load", True, f"{time.monotonic() - start:.1f} s; {told or 'it told nothing of itself'}")

    def _speed(self, reply: Reply) -> Finding:
        tokens, decode = reply.done.usage.completion_tokens, reply.whole - reply.first
        rate = (tokens - 1) / decode if tokens > 1 and decode > 0 else 0.0
        return self._finding("speed", True, f"first token after {reply.first:.2f} s, then {rate:.1f} tokens/s")

    def _reuse(self, first: Reply) -> Finding:
        """Whether a conversation that goes on prefills its new tokens alone."""
        turn = [user(QUESTION), {"role": "assistant", "content": first.text}, user("And one more?")]
        usage = self._ask(turn).done.usage
        found = f"{usage.cached_tokens} of {usage.prompt_tokens} tokens of a second turn were reused"
        self.reused = usage.cached_tokens / max(1, usage.prompt_tokens)
        return self._finding("reuse", self.reused > 0.5, found, level="slow")

    def _apart(self, first: Reply) -> Finding:
        """Whether an answer depends on a conversation that was not its own."""
        self._ask([user(OTHER)])
        self.apart = self._ask([user(QUESTION)]).text == first.text
        found = "the same answer as before" if self.apart else "another answer than before"
        return self._finding("conversations apart", self.apart, f"after another conversation, {found}", level="bad")

    def _overflow(self) -> Finding:
        """Whether a prompt over the context is refused and the engine goes on."""
        try:
            self._ask([user("word " * 2 * self._model.context_length)])
        except ContextOverflow as error:
            return self._finding("overflow", self._engine.alive, f"refused: {error.message}", level="bad")
        return self._finding("overflow", False, "a prompt over the context was answered", level="bad")

    def _cancel(self) -> Finding:
        """How long a cancel takes that comes before the first token."""
        running = self._engine.generate(self._job([user(LONG)]), NOBODY)
        event = next(running)
        start = time.monotonic()
        running.close()  # type: ignore[attr-defined]
        taken = time.monotonic() - start
        phase = "in the answer" if isinstance(event, Text) else "in prefill"
        return self._finding("cancel", self._engine.alive, f"{phase}, took {taken:.2f} s", level="slow")

    def _job(self, messages: Sequence[dict[str, Any]]) -> Job:
        ask = Ask(self._model.id, tuple(messages), max_tokens=ANSWER, sampling=Sampling(temperature=0))
        return plan(ask, self._model, self._settings, "boardcheck")

    def _ask(self, messages: Sequence[dict[str, Any]]) -> Reply:
        start = time.monotonic()
        first, pieces, done = None, [], None
        for event in self._engine.generate(self._job(messages), NOBODY):
            if isinstance(event, Text):
                first = first or time.monotonic() - start
                pieces.append(event.text)
            elif isinstance(event, Done):
                done = event
        assert done is not None
        whole = time.monotonic() - start
        return Reply("".join(pieces), done, first or whole, whole)

    def _finding(self, name: str, good: bool, found: str, level: str = "good") -> Finding:
        name = f"{name}, {self.strategy}"
        if good:
            return Finding(name, "good", found)
        needed, remedy = REMEDIES[name.partition(",")[0]]
        return Finding(name, "slow" if level == "slow" else "bad", found, needed, remedy)


REMEDIES = {
    "reuse": ("more than half of them", "set kv_strategy to the other value if its reuse is better"),
    "conversations apart": (
        "the same answer",
        "set kv_strategy to the other value if it passes: with this one an answer may depend on what others asked",
    ),
    "overflow": ("a refusal", "set context_length in the model's model.yaml to what the model was converted for"),
    "cancel": ("an engine that goes on", "raise cancel_timeout: the engine was killed and has to load again"),
}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}
