"""The NPU engine: Rockchip's librkllmrt in this process. A child program; by hand::

    echo '{"op": "load", "path": "model.rkllm", "options": {"context_length": 4096}}' \
        | python -m services.engines.rkllm.worker

docs/npu.md says how the runtime is driven and why so. Standard library only, but for the tokenizer and template of a
model that has them beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.engines.rkllm import board as rkllm_board
from services.engines.rkllm import library as rkllm_library
from services.engines.rkllm import log as rkllm_log
from services.engines.rkllm import tokens as rkllm_tokens
from services.engines.rkllm.answer import Follower, Outcome
from services.engines.rkllm.kv import RESERVED, Plan, TemplateTurns, TokenTurns, Turns, opens
from services.engines.rkllm.log import Tap
from services.engines.rkllm.runtime import Runtime
from services.engines.rkllm.sampling import DEFAULTS, effective
from services.engines.rkllm.vectors import NEW_TOKENS, Texts, Vectors
from services.engines.worker.loop import TOKEN_KINDS, VECTOR_KINDS, JobRefused, LoadFailed, Run, Runner, serve

DEVICE_TREE = "/proc/device-tree/compatible"
MEMINFO = "/proc/meminfo"


def load(path: str, options: dict[str, Any]) -> Runner:
    """Load a model. Blocks for seconds. Raises `LoadFailed`. Everything that can be checked is, before it is loaded."""
    model = Path(path)
    file, release = rkllm_library.choose(options.get("runtime_library", ""), options.get("runtime", ""))
    vectors = options.get("vectors", False)
    texts = Texts(model.parent, options["context_length"]) if vectors else turns_of(model.parent, options)
    rkllm_board.check_memory(model, options["context_length"], Path(options.get("meminfo", MEMINFO)))
    held = rkllm_board.lock(options.get("lock", ""))
    tap = Tap()
    library, abi = rkllm_library.load(file, release)
    runtime = Runtime(library, abi)
    if not runtime.init(init_values(path, options), extend_values(options)):
        raise LoadFailed(f"librkllmrt {release} could not load {model.name}: {rkllm_log.reason(tap.lines())}")
    defaults = ", ".join(f"{name} {round(value, 4)}" for name, value in runtime.defaults.items())
    info = {"runtime": release, **rkllm_log.metadata(tap.lines()), "defaults": defaults}
    if isinstance(texts, Texts):
        return Vectors(runtime, texts, tap, info, held)
    return Npu(runtime, texts, tap, options, info, held)


def turns_of(folder: Path, options: dict[str, Any]) -> Turns:
    """Tokens where the model's tokenizer and template lie beside it, unless the settings say otherwise."""
    context, history = options["context_length"], options.get("kv_strategy") == "history"
    wanted = options.get("prompt", "auto")
    there = wanted != "template" and rkllm_tokens.available(folder)
    if wanted == "tokens" and not there:
        raise LoadFailed(
            f"npu_prompt is 'tokens', but {folder} has no tokenizer.json with a chat template "
            "(tokenizer_config.json or chat_template.jinja): put those of the model there, or set npu_prompt to auto."
        )
    if there:
        return TokenTurns(rkllm_tokens.Tokenized(folder), context, history)
    begins = opens(folder, options.get("opens_reasoning", False))
    return TemplateTurns(context, history, begins, rkllm_tokens.missing(folder))


def init_values(path: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of RKLLMParam in any release; the library documents no default for half of them."""
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
    mask = rkllm_board.cpu_mask(Path(options.get("device_tree", DEVICE_TREE)))
    return {
        "base_domain_id": options.get("domain", 0),
        "embed_flash": int(options.get("embed_flash", True)),
        "enabled_cpus_num": mask.bit_count(),
        "enabled_cpus_mask": mask,
        "n_batch": 1,
        "use_cross_attn": 0,
    }


class Npu:
    """A loaded model."""

    def __init__(
        self,
        runtime: Runtime,
        turns: Turns,
        tap: Tap,
        options: Mapping[str, Any],
        info: dict[str, Any],
        lock: int,
    ) -> None:
        self._runtime, self._turns, self._tap = runtime, turns, tap
        self._context = options["context_length"]
        self._sampling = effective(options.get("sampling", {}), DEFAULTS)
        self._lock = lock
        self._known = True
        """Whether it is known what the runtime's cache holds."""
        self._suspect = False
        """Whether the run before was aborted: its abort may have come late, and nothing says that it is forgotten."""
        self._reuses = False
        """Whether the runtime was seen to reuse the beginning of a prompt: releases are said to differ in that."""
        self.info = info

    def run(self, request: dict[str, Any], run: Run) -> str:
        if request["kind"] in TOKEN_KINDS:
            run.data(self._turns.data(request))
            return "stop"
        if request["kind"] in VECTOR_KINDS:
            raise JobRefused("On the NPU a model that writes answers makes no vectors: load one made for them.")
        plan = self._turns.plan(request)
        run.on_cancel(self._runtime.wake)
        suspect = self._suspect
        outcome = self._attempt(plan, request, run)
        if suspect and outcome.clean and not outcome.ids and not run.over:
            self._known = False
            outcome = self._attempt(plan, request, run)
        return self._judged(plan, outcome, run)

    def _attempt(self, plan: Plan, request: dict[str, Any], run: Run) -> Outcome:
        plan = self._prepared(plan, request)
        self._tap.clear()
        self._known = False
        self._runtime.start(plan.turn, effective(request["sampling"], self._sampling), plan.limit)
        outcome = Follower(run, plan.limit, plan.opening).follow(self._runtime)
        self._suspect = not outcome.clean
        self._count(plan, outcome, run)
        return outcome

    def _prepared(self, plan: Plan, request: dict[str, Any]) -> Plan:
        """Clear the cache where the plan says so or nobody knows what it holds; then the plan is made anew."""
        if self._known and not plan.clear:
            return plan
        if not self._runtime.clear():
            raise JobRefused("librkllmrt could not clear its cache; the model is loaded anew.", "failed")
        self._turns.forget()
        return plan if self._known else self._turns.plan(request)

    def _count(self, plan: Plan, outcome: Outcome, run: Run) -> None:
        """Usage and timings from the library's own counters."""
        answer, size = len(outcome.ids), self._runtime.kv_size()
        prefilled = int(outcome.perf.get("prefill_tokens", 0))
        prompt = plan.prompt_tokens or max(size - answer, prefilled, 0)
        cached = max(0, prompt - prefilled) if outcome.perf else 0
        run.info = self._told(outcome, size)
        run.usage = {"prompt_tokens": prompt, "completion_tokens": answer, "cached_tokens": cached}
        if outcome.perf:
            times = {"prefill": "prefill_time_ms", "decode": "generate_time_ms"}
            run.timings = {name: outcome.perf[key] / 1000 for name, key in times.items()}
        self._reuses |= not plan.turn.keep_history and 0 < prefilled < prompt and cached > 0
        if outcome.clean or (not run.over and self._cut_short(plan, outcome, size)):
            self._known = True
            self._turns.hold(outcome, size)

    def _cut_short(self, plan: Plan, outcome: Outcome, size: int) -> bool:
        """Whether an answer only met its limit, and the cache holds the prompt and its tokens all the same, as counted.

        A runtime that was not seen to compare its cache with the next prompt may put it before that prompt.
        """
        failed = outcome.error or outcome.code or len(outcome.ids) < plan.limit
        counted = (plan.prompt_tokens or 0) + len(outcome.ids) + len(outcome.beyond)
        safe = plan.turn.keep_history or self._reuses
        return not failed and plan.prompt_tokens is not None and size == counted and safe

    def _told(self, outcome: Outcome, size: int) -> dict[str, str | int | float]:
        """What the run showed of the library, for who examines a board."""
        return {
            "callback_thread": "another" if self._runtime.foreign else "the caller's",
            "finish": outcome.finish,
            "last_state": outcome.last_state,
            "returned": outcome.code,
            "kv_cache": size,
            "memory_mb": outcome.perf.get("memory_usage_mb", 0),
        }

    def _judged(self, plan: Plan, outcome: Outcome, run: Run) -> str:
        """The finish reason. Raises `JobRefused` for a run that failed."""
        if run.over:
            return "stop"
        if len(outcome.ids) >= plan.limit:
            return "length"
        if outcome.error or outcome.code:
            return self._failure(outcome)
        if not outcome.finished and not outcome.ids:
            raise JobRefused("librkllmrt ended the run without a word; the model is loaded anew.", "failed")
        return "stop"

    def _failure(self, outcome: Outcome) -> str:
        lines = self._tap.lines()
        if found := rkllm_log.too_long(lines):
            raise JobRefused("The prompt is too long.", "context", *found)
        if outcome.ids and self._runtime.kv_size() >= self._context - RESERVED:
            return "length"
        raise JobRefused(f"librkllmrt broke off the answer: {rkllm_log.reason(lines)}", "failed")


if __name__ == "__main__":
    serve(load)
