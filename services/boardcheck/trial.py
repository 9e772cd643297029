"""Run a model on this board to check what no file shows. Takes some minutes and needs the NPU for itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator

import msgspec

from services.boardcheck.finding import Finding
from services.boardcheck.limits import SHORT, check_limits, with_small_context
from services.boardcheck.model_client import ANSWER, ModelClient, Reply, describe_end, user_message
from services.boardcheck.runtime import check_bad_pairs
from services.core.client import NOBODY
from services.core.errors import BadRequest, ServiceError
from services.core.events import Text
from services.core.message import message
from services.core.model import Model
from services.core.settings import Settings
from services.engines.base import Engine

STRATEGIES = ("prefix", "history")
"""Values of the setting ``kv_strategy``: sources disagree which of them a runtime supports."""

BEAT = 0.1
"""Seconds; the engine's heartbeat, so short that a cancel at the first one still meets the prefill of `LONG`."""

QUESTION = "Name the seven colours of the rainbow, in their order, and write nothing else."
OTHER = "Write down the numbers from one to ten, each in a line of its own."
LONG = "The quick brown fox jumps over the lazy dog. " * 60

EngineFactory = Callable[[Settings, Model], Engine]


def run_trials(settings: Settings, model: Model, make_engine: EngineFactory) -> Iterator[Finding]:
    """Load `model` once per strategy and once with a small context, and yield the findings as they are made. Blocks.

    Where the runtime reads more than it is given, each strategy is tried once more without the runtime's template. An
    engine that fails becomes a finding.
    """
    settings = msgspec.structs.replace(settings, heartbeat_interval=BEAT)
    tried = yield from try_strategies(settings, model, make_engine)
    if any(trial.contradiction for trial in tried) and not settings.npu_clear_template:
        bare = msgspec.structs.replace(settings, npu_clear_template=True)
        tried += yield from try_strategies(bare, model, make_engine)
    passed = [trial for trial in tried if trial.passed]
    if passed:
        small_settings, small_model = with_small_context(settings, model)
        engine = make_engine(small_settings, small_model)
        limits = check_limits(ModelClient(small_settings, small_model, engine))
        yield from until_failure(limits, engine, "model, small context")
    yield settings_to_use(max(passed, key=lambda trial: trial.reused) if passed else None)


def try_strategies(
    settings: Settings, model: Model, make_engine: EngineFactory
) -> Generator[Finding, None, list[Trial]]:
    """Load `model` once per strategy, yield the findings, and return the trials. Blocks."""
    trials = []
    for strategy in STRATEGIES:
        chosen = msgspec.structs.replace(settings, kv_strategy=strategy)
        engine = make_engine(chosen, model)
        trial = Trial(ModelClient(chosen, model, engine), model, chosen)
        yield from until_failure(trial.run(), engine, f"model, {trial.name}")
        trials.append(trial)
    return trials


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
        return Finding("settings to use", "good", best.settings_to_use)
    remedy = "set npu_prompt: template and run this again; if that fails too, use another runtime release"
    return Finding("settings to use", "bad", "no strategy passed", "one that keeps conversations apart", remedy)


class Trial:
    """One engine under one strategy. Not thread-safe."""

    def __init__(self, client: ModelClient, model: Model, settings: Settings) -> None:
        """Keep the engine of `client`, which is not started yet and has these settings."""
        self._client, self._engine, self._model = client, client.engine, model
        self._bare = settings.npu_clear_template
        self.name = f"{settings.kv_strategy}, no template" if self._bare else settings.kv_strategy
        self.settings_to_use = f"kv_strategy: {settings.kv_strategy}"
        if self._bare:
            self.settings_to_use += ", npu_clear_template: true"
        self.passed = False
        """Whether all checks ran, no conversation changed another's answer, and the runtime read what it was given."""
        self.reused = 0.0
        """Share of the second turn's prompt tokens that were taken from the KV cache, 0.0 to 1.0."""
        self.contradiction = ""
        """How the runtime's counters contradict what it was given; empty where they do not."""

    def run(self) -> Iterator[Finding]:
        """Load the model and yield the findings of this strategy. Blocks. Raises `ServiceError`."""
        yield self._load()
        info = getattr(self._engine, "info", {})
        yield from check_bad_pairs(self._model.path.name, str(info.get("toolkit", "")), str(info.get("runtime", "")))
        first = self._client.ask(user_message(QUESTION))
        yield self._callback(first)
        yield self._speed(first)
        yield self._reuse(first)  # now, while the cache has the first turn
        counts = self._counts(first)
        yield counts
        ending = self._ending()
        yield ending
        apart = self._apart(first)
        yield apart
        yield self._overflow()
        cancel = self._cancel(first)
        yield cancel
        needed = [counts, apart, *([ending] if self._bare else [])]
        self.passed = all(finding.level == "good" for finding in needed) and cancel.level != "bad"

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

    def _counts(self, first: Reply) -> Finding:
        """Return whether the runtime read as many tokens as it was given, and no more are in its cache."""
        self.contradiction = str(first.run_info.get("contradiction", ""))
        found = self.contradiction or "as many tokens as were given"
        return self._finding("counts", not self.contradiction, found, level="bad")

    def _ending(self) -> Finding:
        """Return whether an answer that must be short ends by itself."""
        done = self._client.ask(user_message(SHORT), thinking=False).done
        ends = done.finish_reason == "stop"
        found = f"a short answer {'ended' if ends else 'did not end'} within {done.usage.completion_tokens} tokens"
        return self._finding("end", ends, found, level="bad" if self._bare else "slow")

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
        except BadRequest as error:
            return self._finding("overflow", self._engine.alive, f"refused: {error.message}", level="bad")
        return self._finding("overflow", False, "a prompt over the context was answered", level="bad")

    def _cancel(self, first: Reply) -> Finding:
        """Return how long a cancel takes at the first event, and whether the next answer knows nothing of that run."""
        running = self._engine.generate(self._client.request((user_message(LONG),)), NOBODY)
        event = next(running)
        start = time.monotonic()
        running.close()  # type: ignore[attr-defined]
        duration = time.monotonic() - start
        phase = "in the answer" if isinstance(event, Text) else "in prefill"
        found = f"{phase}, took {duration:.2f} s; {describe_end(self._client.run_info)}"
        if not self._engine.alive:
            return self._finding("cancel", False, found, level="slow")
        same = self._client.ask(user_message(QUESTION)).text == first.text
        found += f"; afterwards {'the same answer' if same else 'another answer'} as before"
        return self._finding("cancel", same, found, level="bad")

    def _finding(self, name: str, good: bool, found: str, level: str = "good") -> Finding:
        """Return the finding of a check; where it is not `good`, with `level` and the remedy of `REMEDIES`."""
        name = f"{name}, {self.name}"
        if good:
            return Finding(name, "good", found)
        needed, remedy = REMEDIES[name.partition(",")[0]]
        return Finding(name, "slow" if level == "slow" else "bad", found, needed, remedy)


REMEDIES = {
    "counts": (
        "a runtime that reads what it is given",
        "set npu_clear_template: true if its trial passes (below), else npu_prompt: template",
    ),
    "end": ("an answer that ends by itself", "use a model that was converted for this release, or another release"),
    "reuse": ("more than half of them", "set kv_strategy to the other value if its reuse is better"),
    "conversations apart": (
        "the same answer",
        "set kv_strategy to the other value if it passes: with this one an answer may depend on what others asked",
    ),
    "overflow": ("a refusal", "set context_length in the model's model.yaml to what the model was converted for"),
    "cancel": (
        "an engine that survives and forgets the run",
        "raise cancel_timeout if the engine was killed and has to load again; else use another runtime release",
    ),
}
"""What is needed and the remedy, for each check that can fail."""
