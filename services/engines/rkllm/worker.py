"""Run Rockchip's librkllmrt in this process: the worker of the NPU engine.

A child program; by hand::

    echo '{"op": "load", "path": "model.rkllm", "options": {"context_length": 4096}}' \
        | python -m services.engines.rkllm.worker

docs/npu.md says how the runtime is driven and why so. Standard library only, but for the tokenizer and template of a
model that has them beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.engines.npu import board, reports
from services.engines.rkllm import library as rkllm_library
from services.engines.rkllm import tokens as rkllm_tokens
from services.engines.rkllm.answer import Follower, RunOutcome
from services.engines.rkllm.prompts import RESERVED, Plan, PromptPlanner, TemplatePrompts, TokenPrompts, opens
from services.engines.rkllm.runtime import Runtime
from services.engines.rkllm.sampling import DEFAULTS, effective
from services.engines.rkllm.tap import Tap
from services.engines.rkllm.vectors import NEW_TOKENS, Texts, VectorRunner
from services.engines.worker.errors import LoadFailed, RequestRefused
from services.engines.worker.loop import Run, Runner, serve
from services.engines.worker.wire import TOKEN_KINDS, VECTOR_KINDS

DEVICE_TREE = "/proc/device-tree/compatible"
MEMINFO = "/proc/meminfo"


def load(path: str, options: dict[str, Any]) -> Runner:
    """Load a model. Blocks for seconds. Raises `LoadFailed`. Everything that can be checked before is."""
    model = Path(path)
    layout = options.get("runtime_layout", "")
    file, release = rkllm_library.choose(options.get("runtime_library", ""), options.get("runtime", ""), layout)
    vectors = options.get("vectors", False)
    texts = Texts(model.parent, options["context_length"]) if vectors else planner_of(model.parent, options)
    board.check_memory(model, options["context_length"], Path(options.get("meminfo", MEMINFO)))
    lock = board.lock(options.get("lock", ""))
    tap = Tap()
    library, abi = rkllm_library.load_library(file, release, layout)
    runtime = Runtime(library, abi)
    if not runtime.init(init_values(path, options), extend_values(options)):
        raise LoadFailed(f"librkllmrt {release} could not load {model.name}: {reports.reason(tap.lines())}")
    defaults = ", ".join(f"{name} {round(value, 4)}" for name, value in runtime.defaults.items())
    layouts = {} if release in abi.releases else {"layouts": abi.releases[-1]}
    info = {"runtime": release, **layouts, **reports.library_facts(tap.lines()), "defaults": defaults}
    if isinstance(texts, Texts):
        return VectorRunner(runtime, texts, tap, info, lock)
    return RkllmRunner(runtime, texts, tap, options, info, lock)


def planner_of(folder: Path, options: dict[str, Any]) -> PromptPlanner:
    """Return the planner of prompts: that for tokens where the model's tokenizer and template are in `folder`.

    The option ``prompt`` may choose another. Raises `LoadFailed`.
    """
    context, history = options["context_length"], options.get("kv_strategy") == "history"
    wanted = options.get("prompt", "auto")
    there = wanted != "template" and rkllm_tokens.available(folder)
    if wanted == "tokens" and not there:
        raise LoadFailed(
            f"npu_prompt is 'tokens', but {folder} has no tokenizer.json with a chat template "
            "(tokenizer_config.json or chat_template.jinja): put those of the model there, or set npu_prompt to auto."
        )
    if there:
        return TokenPrompts(rkllm_tokens.Tokenized(folder), context, history)
    begins = opens(folder, options.get("opens_reasoning", False))
    return TemplatePrompts(context, history, begins, rkllm_tokens.missing_files(folder))


def init_values(path: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return every field of RKLLMParam in any release; the library documents no default for half of them."""
    context = options["context_length"]
    return {
        **effective(options.get("sampling", {}), DEFAULTS),
        "model_path": path.encode(),
        "max_context_len": context,
        "max_new_tokens": NEW_TOKENS if options.get("vectors") else context,
        "n_keep": 0,
        "skip_special_token": True,
        "ignore_eos_token": False,
        "is_async": False,
        "img_start": b"",
        "img_end": b"",
        "img_content": b"",
    }


def extend_values(options: Mapping[str, Any]) -> dict[str, int]:
    """Return the fields of RKLLMExtendParam."""
    mask = board.cpu_mask(Path(options.get("device_tree", DEVICE_TREE)))
    return {
        "base_domain_id": options.get("domain", 0),
        "embed_flash": int(options.get("embed_flash", True)),
        "enabled_cpus_num": mask.bit_count(),
        "enabled_cpus_mask": mask,
        "n_batch": 1,
        "use_cross_attn": 0,
    }


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
        self._known = True
        """Whether it is known what the runtime's cache has."""
        self._suspect = False
        """Whether the run before was aborted: its abort may have come late, and then it stops the next run."""
        self._reuses = False
        """Whether the runtime was seen to reuse the beginning of a prompt: releases are said to differ in that."""
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
            self._known = False
            outcome = self._attempt(plan, request, run)
        return self._judged(plan, outcome, run)

    def _attempt(self, plan: Plan, request: dict[str, Any], run: Run) -> RunOutcome:
        plan = self._prepared(plan, request)
        self._tap.clear()
        self._known = False
        self._runtime.start(plan.input, effective(request["sampling"], self._sampling), plan.limit)
        outcome = Follower(run, plan.limit, plan.opening).follow(self._runtime)
        self._suspect = not outcome.clean
        self._count(plan, outcome, run)
        return outcome

    def _prepared(self, plan: Plan, request: dict[str, Any]) -> Plan:
        """Clear the cache where the plan says so or its content is unknown; in the second case return a new plan."""
        if self._known and not plan.clear:
            return plan
        if not self._runtime.clear():
            raise RequestRefused(
                "librkllmrt could not clear its cache; the next request loads the model anew.", "failed"
            )
        self._planner.forget()
        return plan if self._known else self._planner.plan(request)

    def _count(self, plan: Plan, outcome: RunOutcome, run: Run) -> None:
        """Set usage and timings from the library's own counters, and note what the cache has."""
        answer, size = len(outcome.ids), self._runtime.kv_size()
        prefilled = int(outcome.perf.get("prefill_tokens", 0))
        prompt = plan.prompt_tokens or max(size - answer, prefilled, 0)
        cached = max(0, prompt - prefilled) if outcome.perf else 0
        run.info = self._facts(outcome, size)
        run.usage = {"prompt_tokens": prompt, "completion_tokens": answer, "cached_tokens": cached}
        if outcome.perf:
            times = {"prefill": "prefill_time_ms", "decode": "generate_time_ms"}
            run.timings = {name: outcome.perf[key] / 1000 for name, key in times.items()}
        self._reuses |= not plan.input.keep_history and 0 < prefilled < prompt and cached > 0
        if outcome.clean or (not run.over and self._cut_short(plan, outcome, size)):
            self._known = True
            self._planner.record(outcome, size)

    def _cut_short(self, plan: Plan, outcome: RunOutcome, size: int) -> bool:
        """Return whether an answer only met its limit, and the cache has all its tokens and the prompt's, as counted.

        A runtime that was not seen to compare its cache with the next prompt may put it before that prompt.
        """
        failed = outcome.error or outcome.code or len(outcome.ids) < plan.limit
        counted = (plan.prompt_tokens or 0) + len(outcome.ids) + len(outcome.beyond)
        safe = plan.input.keep_history or self._reuses
        return not failed and plan.prompt_tokens is not None and size == counted and safe

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
        if len(outcome.ids) >= plan.limit:
            return "length"
        if outcome.error or outcome.code:
            return self._failure(outcome)
        if not outcome.finished and not outcome.ids:
            raise RequestRefused(
                "librkllmrt ended the run without a token; the next request loads the model anew.", "failed"
            )
        return "stop"

    def _failure(self, outcome: RunOutcome) -> str:
        lines = self._tap.lines()
        if found := reports.too_long(lines):
            raise RequestRefused("The prompt is too long.", "context", *found)
        if outcome.ids and self._runtime.kv_size() >= self._context - RESERVED:
            return "length"
        raise RequestRefused(f"librkllmrt broke off the answer: {reports.reason(lines)}", "failed")


if __name__ == "__main__":
    serve(load)
