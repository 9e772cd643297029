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
from services.engines.rkllm.prompts import PromptPlanner, TemplatePrompts, TokenPrompts, opens
from services.engines.rkllm.runner import RkllmRunner
from services.engines.rkllm.runtime import Runtime
from services.engines.rkllm.sampling import DEFAULTS, effective
from services.engines.rkllm.tap import Tap
from services.engines.rkllm.vectors import NEW_TOKENS, Texts, VectorRunner
from services.engines.worker.errors import LoadFailed
from services.engines.worker.loop import Runner, serve

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
    bare = options.get("clear_template", False) and texts.tokens
    if failed := runtime.init(init_values(path, options), extend_values(options), bare):
        raise LoadFailed(f"librkllmrt {release} could not load {model.name}: {reports.reason(tap.lines(), failed)}")
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


if __name__ == "__main__":
    serve(load)
