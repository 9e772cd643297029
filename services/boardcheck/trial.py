"""Run a model on this board to check what no file shows. Takes some minutes and needs the NPU for itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import msgspec

from services.boardcheck.finding import Finding
from services.boardcheck.limits import check_limits, with_small_context
from services.boardcheck.model_client import ANSWER, ModelClient, Reply, describe_end, user_message
from services.core.client import NOBODY
from services.core.errors import ContextOverflow, ServiceError
from services.core.events import Text
from services.core.message import message
from services.core.model import Model
from services.core.settings import Settings
from services.engines.base import Engine

STRATEGIES = ("prefix", "history")
"""Values of the setting ``kv_strategy``: sources disagree which of them a runtime supports."""

QUESTION = "Name the seven colours of the rainbow, in their order, and write nothing else."
OTHER = "Write down the numbers from one to ten, each in a line of its own."
LONG = "The quick brown fox jumps over the lazy dog. " * 60

EngineFactory = Callable[[Settings, Model], Engine]


def run_trials(settings: Settings, model: Model, make_engine: EngineFactory) -> Iterator[Finding]:
    """Load `model` once per strategy and once with a small context, and yield the findings as they are made. Blocks.

    An engine that fails becomes a finding.
    """
    best: Trial | None = None
    for strategy in STRATEGIES:
        tried = msgspec.structs.replace(settings, kv_strategy=strategy)
        engine = make_engine(tried, model)
        trial = Trial(ModelClient(tried, model, engine), model, strategy)
        yield from until_failure(trial.run(), engine, f"model, {strategy}")
        if trial.passed and (best is None or trial.reused > best.reused):
            best = trial
    if best:
        tried, small_model = with_small_context(settings, model)
        engine = make_engine(tried, small_model)
        limits = check_limits(ModelClient(tried, small_model, engine))
        yield from until_failure(limits, engine, "model, small context")
    yield settings_to_use(best)


def until_failure(findings: Iterator[Finding], engine: Engine, name: str) -> Iterator[Finding]:
    """Yield `findings`, and one more called `name` where the engine fails. Stops the engine at the end."""
    try:
        yield from findings
    except ServiceError as error:
        yield Finding(name, "bad", error.message, "an answer", "correct what the message names")
    finally:
        engine.stop()


def settings_to_use(best: Trial | None) -> Finding:
    """Return the recommended settings, those of the trial that passed and reused most."""
    if best:
        return Finding("settings to use", "good", f"kv_strategy: {best.strategy}")
    remedy = "send the report to the maintainers, and use another runtime release until then"
    return Finding("settings to use", "bad", "no strategy passed", "one that keeps conversations apart", remedy)


class Trial:
    """One engine under one strategy. Not thread-safe."""

    def __init__(self, client: ModelClient, model: Model, strategy: str) -> None:
        """Keep the engine of `client`, which is not started yet."""
        self._client, self._engine, self._model, self.strategy = client, client.engine, model, strategy
        self.passed = False
        """Whether all checks ran and no conversation changed another's answer."""
        self.reused = 0.0
        """Share of the second turn's prompt tokens that were taken from the KV cache, 0.0 to 1.0."""

    def run(self) -> Iterator[Finding]:
        """Load the model and yield the findings of this strategy. Blocks. Raises `ServiceError`."""
        yield self._load()
        first = self._client.ask(user_message(QUESTION))
        yield self._callback(first)
        yield self._speed(first)
        yield self._reuse(first)
        apart = self._apart(first)
        yield apart
        yield self._overflow()
        yield self._cancel()
        self.passed = apart.level == "good"

    def _load(self) -> Finding:
        seconds = self._client.load()
        info = ", ".join(f"{name} {value}" for name, value in getattr(self._engine, "info", {}).items())
        return self._finding("load", True, f"{seconds:.1f} s; {info or 'the engine reports no details'}")

    def _callback(self, reply: Reply) -> Finding:
        """Return on which thread the runtime calls back, and what its last call carries."""
        info = reply.run_info
        if not info:
            return self._finding("callback", True, "the engine reports no details")
        found = f"on {info['callback_thread']} thread; FINISH came with {info['finish']}; {describe_end(info)}"
        return self._finding("callback", True, found)

    def _speed(self, reply: Reply) -> Finding:
        tokens, decode = reply.done.usage.completion_tokens, reply.duration - reply.first_token
        rate = (tokens - 1) / decode if tokens > 1 and decode > 0 else 0.0
        memory = f"at most {reply.run_info.get('memory_mb', 0):.0f} MB by the runtime's count"
        found = f"first token after {reply.first_token:.2f} s, then {rate:.1f} tokens/s, {memory}"
        return self._finding("speed", True, found)

    def _reuse(self, first: Reply) -> Finding:
        """Return whether the next turn of a conversation prefills only its new tokens."""
        conversation = (user_message(QUESTION), message("assistant", first.text), user_message("And one more?"))
        usage = self._client.ask(*conversation).done.usage
        found = f"{usage.cached_tokens} of {usage.prompt_tokens} tokens of a second turn were reused"
        found += f"; after the first turn the cache had {first.run_info.get('kv_cache', 0)}"
        if first.done.finish_reason == "length":
            found += f"; the first answer was cut at {ANSWER} tokens"
        self.reused = usage.cached_tokens / max(1, usage.prompt_tokens)
        return self._finding("reuse", self.reused > 0.5, found, level="slow")

    def _apart(self, first: Reply) -> Finding:
        """Return whether an answer stays the same after another conversation."""
        self._client.ask(user_message(OTHER))
        same = self._client.ask(user_message(QUESTION)).text == first.text
        found = "the same answer as before" if same else "another answer than before"
        return self._finding("conversations apart", same, f"after another conversation, {found}", level="bad")

    def _overflow(self) -> Finding:
        """Return whether a prompt longer than the context is refused and the engine survives."""
        try:
            self._client.ask(user_message("word " * 2 * self._model.context_length))
        except ContextOverflow as error:
            return self._finding("overflow", self._engine.alive, f"refused: {error.message}", level="bad")
        return self._finding("overflow", False, "a prompt over the context was answered", level="bad")

    def _cancel(self) -> Finding:
        """Return how long a cancel takes at the first event, which mostly comes before the first token."""
        running = self._engine.generate(self._client.request((user_message(LONG),)), NOBODY)
        event = next(running)
        start = time.monotonic()
        running.close()  # type: ignore[attr-defined]
        duration = time.monotonic() - start
        phase = "in the answer" if isinstance(event, Text) else "in prefill"
        found = f"{phase}, took {duration:.2f} s; {describe_end(self._client.run_info)}"
        return self._finding("cancel", self._engine.alive, found, level="slow")

    def _finding(self, name: str, good: bool, found: str, level: str = "good") -> Finding:
        """Return the finding of a check; where it is not `good`, with `level` and the remedy of `REMEDIES`."""
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
    "cancel": ("an engine that survives", "raise cancel_timeout: the engine was killed and has to load again"),
}
"""What is needed and the remedy, for each check that can fail."""
