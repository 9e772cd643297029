"""Read metadata and reasons out of what librkllmrt prints. Pure; standard library only.

The library reports the model's context limit, the driver and why a load failed in its prints alone. The formats are
those of releases 1.1 to 1.3, as published in logs of users and in the strings of the library.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

NUMBER = "[0-9]{1,12}"
"""The pattern of a count. What has more digits, or digits of other scripts, is none."""

METADATA = (
    re.compile(
        r"rkllm-runtime version: (?P<runtime>[^,\s]+), rknpu driver version: (?P<driver>[^,\s]+), "
        r"platform: (?P<platform>\w+)"
    ),
    re.compile(
        rf"rkllm-toolkit version: (?P<toolkit>[^,]+), max_context_limit: (?P<max_context_limit>{NUMBER}), "
        rf"npu_core_num: (?P<npu_core_num>{NUMBER}), target_platform: (?P<target_platform>\w+), "
        r"model_dtype: (?P<model_dtype>\w+)"
    ),
    re.compile(r"Enabled cpus: \[(?P<cpus>[\d, ]*)\]"),
)

TOO_LONG = re.compile(rf"prompt gather than max context \(prompt: ({NUMBER}) tokens, max context: ({NUMBER})\)")
"""The library's own words (and its spelling) for a prompt that does not fit."""

COMPLAINT = re.compile(r"^(E RK\w+|E rkllm|error)\b", re.IGNORECASE)
"""How the library begins most of its complaints."""

INFORMATION = re.compile(r"^I rk\w+:", re.IGNORECASE)

GENERAL = "The lines above in the log may say more; docs/npu.md lists causes."

REMEDIES = (
    (r"invalid magic|invalid rkllm model|model magic", "The file is damaged, or made by a newer toolkit than this "
     "runtime reads: fetch it again, or use a runtime of the toolkit's release."),
    (r"max_context_limit", "Lower the context: context_length in the model's model.yaml, or the -4k in its name."),
    (r"rknpu module|rknn device", "The NPU cannot be opened: the vendor kernel with the rknpu driver must run, and "
     "this user or container must have the device nodes (groups video and render)."),
    (r"platform (is unknown|error)", "The runtime does not know this chip, or cannot read its name: it supports "
     "RK3588, RK3576, RK3562 and RV1126B, and a container needs the option systempaths=unconfined."),
    (r"malloc npu memory|returned no handle", "The NPU memory is short: stop other users of the NPU, choose a smaller "
     "model or a shorter context, or set npu_domain to another number."),
    (r"enabled CPUs", "Fewer CPUs are enabled than the model has NPU cores."),
    (r"Tokenizer is unavailable|no embedding layer", "The model was converted without its tokenizer or embedding: "
     "convert it again with both."),
    (r"driver version is too low", "Update the rknpu driver (the kernel) to 0.9.8."),
    (r"open file|Too many open files", "Raise the limit of open files (ulimit -n)."),
)  # fmt: skip
"""Pattern of what the library prints, and what to do about it; several may apply."""

WRONG_FILE = (r"load model file error|rkllm_init failed", "The file is damaged or made for another chip: fetch the one "
              "for this board.")  # fmt: skip
"""The same for what the library prints beside many other complaints."""


def library_facts(lines: Sequence[str]) -> dict[str, str | int]:
    """Return what the library printed of itself, the board and the model; counts as integers."""
    found: dict[str, str | int] = {}
    for line in lines:
        for pattern in METADATA:
            if match := pattern.search(line):
                found |= {name: count_or_text(value) for name, value in match.groupdict().items()}
    return found


def count_or_text(value: str) -> str | int:
    """Return what was printed as an integer where it is a count."""
    return int(value) if re.fullmatch(NUMBER, value) else value


def too_long(lines: Sequence[str]) -> tuple[int, int] | None:
    """Return the prompt's tokens and the limit, if the library printed that the prompt does not fit."""
    for line in reversed(lines):
        if match := TOO_LONG.search(line):
            return int(match[1]), int(match[2])
    return None


def reason(lines: Sequence[str], symptom: str) -> str:
    """Return the library's own complaint, then what to do about it.

    The cause that it printed counts, in whatever form; the `symptom` is named only where it printed nothing.
    """
    told = [line for line in lines if not INFORMATION.match(line)]
    complaints = [line for line in told if COMPLAINT.match(line)] or told
    text = "; ".join(line.rstrip(".") for line in complaints[-3:]) or f"{symptom}, and it printed no reason"
    return f"{text}. {advice(lines, [*told, symptom])}"


def advice(lines: Sequence[str], told: Sequence[str]) -> str:
    """Return what to do about a failure, of which the library said what is in `told`."""
    if other := other_platform(library_facts(lines)):
        return other
    joined = "\n".join(told)
    remedies = [remedy for pattern, remedy in REMEDIES if re.search(pattern, joined, re.IGNORECASE)]
    general = WRONG_FILE[1] if re.search(WRONG_FILE[0], joined) else GENERAL
    return " ".join(remedies) or general


def other_platform(found: dict[str, str | int]) -> str:
    """Return the sentence for a model that was converted for another chip than this board's, else nothing."""
    model, board = found.get("target_platform"), found.get("platform")
    if not model or not board or str(model).lower() == str(board).lower():
        return ""
    return f"The model was converted for {model}, and this board is an {board}: fetch the one for {board}."
