"""Run requests about answers on a loaded model, and keep track of what its KV cache has. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.engines.npu import reports
from services.engines.rkllm.answer import Follower, RunOutcome
from services.engines.rkllm.counts import Counts
from services.engines.rkllm.prompts import RESERVED, Plan, PromptPlanner
from services.engines.rkllm.runtime import Runtime
from services.engines.rkllm.sampling import DEFAULTS, effective
from services.engines.rkllm.tap import Tap
from services.engines.worker.errors import RequestRefused
from services.engines.worker.loop import Run
from services.engines.worker.wire import TOKEN_KINDS, VECTOR_KINDS

UNEMPTIED = "librkllmrt could neither clear its cache nor load the model again; the next request starts it anew."

DROPPED = (
    "This model's context length is {} tokens, but the prompt has {}, and the NPU runtime dropped its beginning. "
    "Shorten the conversation, or put the model's tokenizer.json and chat template beside it."
)


class RkllmRunner:
    """Run requests on a loaded model that writes answers."""

    def __init__(
        self,
        runtime: Runtime,
        planner: PromptPlanner,
        tap: Tap,
        options: Mapping[str, Any],
        info: dict[str, Any],
        lock: int,
    ) -> None:
        """Take the loaded runtime; `info` goes to the parent, `lock` is the NPU lock's descriptor, to be kept open."""
        self._runtime, self._planner, self._tap = runtime, planner, tap
        self._context = options["context_length"]
        self._sampling = effective(options.get("sampling", {}), DEFAULTS)
        self._lock = lock
        self._held: int | None = 0
        """Tokens in the runtime's cache; None where its content is unknown."""
        self._suspect = False
        """Whether the run before was broken off: its abort may have come late, and then it stops the next run."""
        self._counts = Counts(tap, options["context_length"])
        self.info = info

    def run(self, request: dict[str, Any], run: Run) -> str:
        """Run `request` as `Runner.run` says."""
        if request["kind"] in TOKEN_KINDS:
            run.data(self._planner.data(request))
            return "stop"
        if request["kind"] in VECTOR_KINDS:
            raise RequestRefused("On the NPU a model that writes answers makes no vectors: load one made for them.")
        plan = self._planner.plan(request)
        run.on_cancel(self._runtime.wake)
        suspect = self._suspect
        outcome = self._attempt(plan, request, run)
        # The abort of the run before came late and hit this one: run it again.
        if suspect and outcome.clean and not outcome.ids and not run.over:
            self._held = None
            outcome = self._attempt(plan, request, run)
        return self._judged(plan, outcome, run)

    def _attempt(self, plan: Plan, request: dict[str, Any], run: Run) -> RunOutcome:
        plan = self._prepared(plan, request)
        continued = (self._held or 0) if plan.input.keep_history else 0
        self._tap.clear()
        self._held, self._suspect = None, True
        self._runtime.start(plan.input, effective(request["sampling"], self._sampling), plan.limit)
        outcome = Follower(run, plan.limit, plan.opening).follow(self._runtime)
        self._suspect = not outcome.clean
        size = self._runtime.kv_size()
        run.info = self._facts(outcome, size)
        self._count(plan, outcome, run, size)
        if found := self._counts.contradiction(plan.input, plan.prompt_tokens or 0, outcome, size):
            run.info["contradiction"] = found
        elif plan.prompt_tokens is None:
            self._check_whole(continued + outcome.counter("prefill_tokens"))
        # No document says what a runtime continues from after an abort. So nothing is kept of a run that was aborted.
        if outcome.clean:
            self._held = size
            self._planner.record(outcome, size)
        return outcome

    def _prepared(self, plan: Plan, request: dict[str, Any]) -> Plan:
        """Empty the cache where the plan says so or its content is unknown; in the second case return a new plan."""
        known = self._held is not None
        if known and not plan.clear:
            return plan
        if not self._runtime.empty():
            raise RequestRefused(UNEMPTIED, "failed")
        self._held = 0
        self._planner.forget()
        return plan if known else self._planner.plan(request)

    def _count(self, plan: Plan, outcome: RunOutcome, run: Run, size: int) -> None:
        """Set usage and timings from the library's own counters."""
        prefilled = outcome.counter("prefill_tokens")
        prompt = plan.prompt_tokens or max(size - outcome.generated, prefilled, 0)
        cached = max(0, prompt - prefilled) if outcome.perf else 0
        run.usage = {"prompt_tokens": prompt, "completion_tokens": len(outcome.ids), "cached_tokens": cached}
        if outcome.perf:
            times = {"prefill": "prefill_time_ms", "decode": "generate_time_ms"}
            run.timings = {name: outcome.perf[key] / 1000 for name, key in times.items()}

    def _check_whole(self, read: int) -> None:
        """Raise `RequestRefused` where the library has `read` more tokens of a prompt than its context takes.

        Then it has dropped the beginning without a word, and the answer is one to something else.
        """
        if read > self._context - RESERVED:
            # Of no kind that is tried again with a shorter prompt: the answer may have been sent.
            raise RequestRefused(DROPPED.format(self._context, read))

    def _facts(self, outcome: RunOutcome, size: int) -> dict[str, str | int | float]:
        """Return what the run showed of the library, for who examines a board."""
        return {
            "callback_thread": "another" if self._runtime.foreign else "the caller's",
            "finish": outcome.finish,
            "last_state": outcome.last_state,
            "returned": outcome.code,
            "kv_cache": size,
            "memory_mb": outcome.perf.get("memory_usage_mb", 0),
        }

    def _judged(self, plan: Plan, outcome: RunOutcome, run: Run) -> str:
        """Return the finish reason. Raises `RequestRefused` for a run that failed."""
        if run.over:
            return "stop"
        if len(outcome.ids) >= plan.limit or self._filled(plan, outcome, run):
            return "length"
        if outcome.error or outcome.code:
            raise self._failure(outcome, run)
        if not outcome.finished and not outcome.ids:
            raise RequestRefused(
                "librkllmrt ended the run without a token; the next request loads the model anew.", "failed"
            )
        return "stop"

    def _filled(self, plan: Plan, outcome: RunOutcome, run: Run) -> bool:
        """Return whether the context was full, so that the answer may lack its end.

        Where the prompt's tokens were counted before, only an error tells of that: the limit is below the context.
        """
        total = run.usage["prompt_tokens"] + outcome.shown
        counted = plan.prompt_tokens is not None and outcome.clean
        return bool(outcome.ids) and not counted and total >= self._context - RESERVED

    def _failure(self, outcome: RunOutcome, run: Run) -> RequestRefused:
        lines = self._tap.lines()
        if found := reports.too_long(lines):
            run.info["prompt_limit"] = found[1]
            return RequestRefused("The prompt is too long.", "context", found[0], self._context)
        symptom = f"rkllm_run returned {outcome.code}" if outcome.code else "it reported an error"
        return RequestRefused(f"librkllmrt broke off the answer: {reports.reason(lines, symptom)}", "failed")
