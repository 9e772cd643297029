"""A model on this board: what can only be told by running it. Takes a minute or some, and the NPU for itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import msgspec

from services.boardcheck.asking import ANSWER, Asker, Reply, ending, user
from services.boardcheck.edges import edges, small
from services.boardcheck.finding import Finding
from services.core.client import NOBODY
from services.core.errors import ContextOverflow, ServiceError
from services.core.events import Text
from services.core.model import Model
from services.core.settings import Settings
from services.engines.base import Engine

STRATEGIES = ("prefix", "history")
"""Values of the setting ``kv_strategy``: sources disagree which of them a runtime honours."""

QUESTION = "Name the seven colours of the rainbow, in their order, and write nothing else."
OTHER = "Write down the numbers from one to ten, each in a line of its own."
LONG = "The quick brown fox jumps over the lazy dog. " * 60
Make = Callable[[Settings, Model], Engine]


def trial(settings: Settings, model: Model, make: Make) -> Iterator[Finding]:
    """Load `model` once per strategy, and once with a small context, and ask it things.

    Blocks; findings come as they are made.
    """
    best: Trial | None = None
    for strategy in STRATEGIES:
        tried = msgspec.structs.replace(settings, kv_strategy=strategy)
        engine = make(tried, model)
        one = Trial(Asker(tried, model, engine), model, strategy)
        yield from guarded(one.run(), engine, f"model, {strategy}")
        if one.passed and (best is None or one.reused > best.reused):
            best = one
    if best:
        tried, little = small(settings, model)
        engine = make(tried, little)
        yield from guarded(edges(Asker(tried, little, engine)), engine, "model, small context")
    yield settings_to_use(best)


def guarded(findings: Iterator[Finding], engine: Engine, name: str) -> Iterator[Finding]:
    """`findings`, and one more where the engine fails; the engine is ended."""
    try:
        yield from findings
    except ServiceError as error:
        yield Finding(name, "bad", error.message, "an answer", "mend what the reason names")
    finally:
        engine.stop()


def settings_to_use(best: Trial | None) -> Finding:
    if best:
        return Finding("settings to use", "good", f"kv_strategy: {best.strategy}")
    remedy = "send the report to the maintainers, and use another runtime release until then"
    return Finding("settings to use", "bad", "no strategy passed", "one that keeps conversations apart", remedy)


class Trial:
    """One engine under one strategy. Not thread-safe."""

    def __init__(self, asker: Asker, model: Model, strategy: str) -> None:
        self._asker, self._engine, self._model, self.strategy = asker, asker.engine, model, strategy
        self.passed = False
        """Whether it ran to its end and no conversation was seen to change another's answer."""
        self.reused = 0.0
        """Share of a second turn's tokens that were not prefilled again, 0.0 to 1.0."""

    def run(self) -> Iterator[Finding]:
        """The findings of this strategy. Raises `ServiceError` when the engine fails."""
        yield self._load()
        first = self._asker.ask(user(QUESTION))
        yield self._callback(first)
        yield self._speed(first)
        yield self._reuse(first)
        apart = self._apart(first)
        yield apart
        yield self._overflow()
        yield self._cancel()
        self.passed = apart.level == "good"

    def _load(self) -> Finding:
        seconds = self._asker.load()
        told = ", ".join(f"{name} {value}" for name, value in getattr(self._engine, "info", {}).items())
        return self._finding("load", True, f"{seconds:.1f} s; {told or 'it told nothing of itself'}")

    def _callback(self, reply: Reply) -> Finding:
        """On which thread the runtime calls back, and what its last call carries."""
        told = reply.told
        if not told:
            return self._finding("callback", True, "the engine told nothing of it")
        found = f"on {told['callback_thread']} thread; FINISH came with {told['finish']}; {ending(told)}"
        return self._finding("callback", True, found)

    def _speed(self, reply: Reply) -> Finding:
        tokens, decode = reply.done.usage.completion_tokens, reply.whole - reply.first
        rate = (tokens - 1) / decode if tokens > 1 and decode > 0 else 0.0
        memory = f", {reply.told.get('memory_mb', 0):.0f} MB at the most by the runtime's count"
        return self._finding("speed", True, f"first token after {reply.first:.2f} s, then {rate:.1f} tokens/s{memory}")

    def _reuse(self, first: Reply) -> Finding:
        """Whether a conversation that goes on prefills its new tokens alone."""
        turn = [user(QUESTION), {"role": "assistant", "content": first.text}, user("And one more?")]
        usage = self._asker.ask(*turn).done.usage
        found = f"{usage.cached_tokens} of {usage.prompt_tokens} tokens of a second turn were reused"
        found += f"; after the first turn the cache held {first.told.get('kv_cache', 0)}"
        if first.done.finish_reason == "length":
            found += f"; the first answer was cut at {ANSWER} tokens"
        self.reused = usage.cached_tokens / max(1, usage.prompt_tokens)
        return self._finding("reuse", self.reused > 0.5, found, level="slow")

    def _apart(self, first: Reply) -> Finding:
        """Whether an answer depends on a conversation that was not its own."""
        self._asker.ask(user(OTHER))
        same = self._asker.ask(user(QUESTION)).text == first.text
        found = "the same answer as before" if same else "another answer than before"
        return self._finding("conversations apart", same, f"after another conversation, {found}", level="bad")

    def _overflow(self) -> Finding:
        """Whether a prompt over the context is refused and the engine goes on."""
        try:
            self._asker.ask(user("word " * 2 * self._model.context_length))
        except ContextOverflow as error:
            return self._finding("overflow", self._engine.alive, f"refused: {error.message}", level="bad")
        return self._finding("overflow", False, "a prompt over the context was answered", level="bad")

    def _cancel(self) -> Finding:
        """How long a cancel takes that comes before the first token."""
        running = self._engine.generate(self._asker.request([user(LONG)]), NOBODY)
        event = next(running)
        start = time.monotonic()
        running.close()  # type: ignore[attr-defined]
        taken = time.monotonic() - start
        phase = "in the answer" if isinstance(event, Text) else "in prefill"
        found = f"{phase}, took {taken:.2f} s; {ending(self._asker.told)}"
        return self._finding("cancel", self._engine.alive, found, level="slow")

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
