"""The runtime library and the models: do they fit each other, the chip and the memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.boardcheck.finding import Finding
from services.engines.rkllm.abi import SUPPORTED
from services.engines.rkllm.board import memory_needed
from services.engines.rkllm.library import USUAL_PLACES, candidates, release_of

BAD_PAIRS = (
    (r"deepseek-r1-distill", "1.2.3", "answers of [PAD151935] were reported; runtime 1.2.2 works"),
    (r"1\.2\.2", "1.3.0", "models of toolkit 1.2.2 were reported not to end their answers; convert it anew"),
)
"""Pattern of a model's name, the runtime's release, and what users reported of the two together."""


def libraries(root: Path, setting: str) -> list[Path]:
    """The library files that the server may load."""
    if not setting:
        return [path for place in USUAL_PLACES if (path := root / place.lstrip("/")).exists()]
    return [path for path in candidates(setting) if path.exists()]


def release(library: Path) -> str:
    """The release its bytes name; empty for none, or for a file that cannot be read."""
    try:
        return release_of(library)
    except OSError:
        return ""


def check_library(root: Path, setting: str) -> Iterator[Finding]:
    found = libraries(root, setting)
    for library in found:
        name = release(library)
        if name in SUPPORTED:
            yield Finding("runtime", "good", f"{library} is release {name}")
        else:
            yield Finding(
                "runtime", "bad", f"{library} is {f'release {name}' if name else 'no readable librkllmrt'}",
                f"one of {', '.join(SUPPORTED)}", WHERE,
            )  # fmt: skip
    if not found:
        place = setting or ", ".join(USUAL_PLACES)
        yield Finding("runtime", "bad", f"nothing at {place}", f"librkllmrt.so {' or '.join(SUPPORTED)}", WHERE)


WHERE = (
    "take rkllm-runtime/Linux/librkllm_api/aarch64/librkllmrt.so of a release tag of Rockchip's rknn-llm repository, "
    "and name it in the setting runtime_library if it lies elsewhere"
)


def check_models(root: Path, models: Sequence[Path], chip: str, setting: str) -> Iterator[Finding]:
    releases = [name for library in libraries(root, setting) if (name := release(library)) in SUPPORTED]
    available = memory(root)
    for model in models:
        problems = [
            *other_chip(model, chip),
            *too_big(model, available),
            *(finding for name in releases for finding in bad_pair(model, name)),
        ]
        yield from problems or [Finding("model", "good", f"{model.name}, {model.stat().st_size / 2**20:.0f} MiB")]


def other_chip(model: Path, chip: str) -> Iterator[Finding]:
    """By the file's name: the file itself can only be read by the runtime."""
    named = re.search(r"rk3588|rk3576|rk3562|rv1126b", model.name.lower())
    if named and chip and named[0] != chip:
        yield Finding(
            "model", "bad", f"{model.name} is for {named[0].upper()} by its name",
            f"a model converted for {chip.upper()}",
            "fetch the one for this chip: a model runs on the chip it was converted for alone",
        )  # fmt: skip


def too_big(model: Path, available: int | None) -> Iterator[Finding]:
    needed = memory_needed(model.stat().st_size, 0)
    if available is not None and needed > available:
        yield Finding(
            "model", "bad", f"{available / 2**20:.0f} MiB of memory are available",
            f"{needed / 2**20:.0f} MiB for {model.name}", "close other programs, or choose a smaller model",
        )  # fmt: skip


def bad_pair(model: Path, name: str) -> Iterator[Finding]:
    for pattern, bad, what in BAD_PAIRS:
        if name == bad and re.search(pattern, str(model).lower()):
            yield Finding("model", "slow", f"{model.name} with runtime {name}", "another pair", what)


def memory(root: Path) -> int | None:
    """Bytes available to a new program; None where nothing tells."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
