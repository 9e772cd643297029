"""Check whether the runtime library and the models fit each other, the chip and the memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.boardcheck.finding import Finding
from services.engines.memory import memory_needed
from services.engines.rkllm.abi import SUPPORTED
from services.engines.rkllm.library import USUAL_PLACES, candidates, release_of

BAD_PAIRS = (
    (r"deepseek-r1-distill", "1.2.3", "answers of [PAD151935] were reported; runtime 1.2.2 works"),
    (r"1\.2\.2", "1.3.0", "models of toolkit 1.2.2 were reported not to end their answers; convert it anew"),
)
"""Pattern of a model's path, release of the runtime, and what users reported about the two together."""


def find_libraries(root: Path, setting: str) -> list[Path]:
    """Return the library files that the server may load; `setting` is ``runtime_library``."""
    if not setting:
        return [path for place in USUAL_PLACES if (path := root / place.lstrip("/")).exists()]
    return [path for path in candidates(setting) if path.exists()]


def read_release(library: Path) -> str:
    """Return the release in the library's bytes; empty for none, or for a file that cannot be read."""
    try:
        return release_of(library)
    except OSError:
        return ""


def check_library(root: Path, setting: str) -> Iterator[Finding]:
    """Yield whether each runtime library is a supported release, and whether there is one."""
    libraries = find_libraries(root, setting)
    for library in libraries:
        release = read_release(library)
        if release in SUPPORTED:
            yield Finding("runtime", "good", f"{library} is release {release}")
        else:
            yield Finding(
                "runtime", "bad", f"{library} is {f'release {release}' if release else 'no readable librkllmrt'}",
                f"one of {', '.join(SUPPORTED)}", WHERE,
            )  # fmt: skip
    if not libraries:
        place = setting or ", ".join(USUAL_PLACES)
        yield Finding("runtime", "bad", f"nothing at {place}", f"librkllmrt.so {' or '.join(SUPPORTED)}", WHERE)


WHERE = (
    "take rkllm-runtime/Linux/librkllm_api/aarch64/librkllmrt.so of a release tag of Rockchip's rknn-llm repository, "
    "and name it in the setting runtime_library if it is elsewhere"
)


def check_model_files(root: Path, models: Sequence[Path], chip: str, setting: str) -> Iterator[Finding]:
    """Yield what is wrong with each model file, or that it is good."""
    releases = [name for library in find_libraries(root, setting) if (name := read_release(library)) in SUPPORTED]
    available = available_memory(root)
    for model in models:
        problems = [
            *check_model_chip(model, chip),
            *check_model_memory(model, available),
            *(finding for release in releases for finding in check_bad_pairs(model, release)),
        ]
        yield from problems or [Finding("model", "good", f"{model.name}, {model.stat().st_size / 2**20:.0f} MiB")]


def check_model_chip(model: Path, chip: str) -> Iterator[Finding]:
    """Yield a finding for a model of another chip, by the file's name: only the runtime can read the file."""
    match = re.search(r"rk3588|rk3576|rk3562|rv1126b", model.name.lower())
    if match and chip and match[0] != chip:
        yield Finding(
            "model", "bad", f"{model.name} is for {match[0].upper()} by its name",
            f"a model converted for {chip.upper()}",
            "fetch the one for this chip: a model runs only on the chip it was converted for",
        )  # fmt: skip


def check_model_memory(model: Path, available: int | None) -> Iterator[Finding]:
    """Yield a finding for a model that needs more memory than the `available` bytes; none where those are unknown."""
    needed = memory_needed(model.stat().st_size, 0)
    if available is not None and needed > available:
        yield Finding(
            "model", "bad", f"{available / 2**20:.0f} MiB of memory are available",
            f"{needed / 2**20:.0f} MiB for {model.name}", "close other programs, or choose a smaller model",
        )  # fmt: skip


def check_bad_pairs(model: Path, release: str) -> Iterator[Finding]:
    """Yield a finding for each reported problem of the model with this release of the runtime."""
    for pattern, bad_release, report in BAD_PAIRS:
        if release == bad_release and re.search(pattern, str(model).lower()):
            yield Finding("model", "slow", f"{model.name} with runtime {release}", "another pair", report)


def available_memory(root: Path) -> int | None:
    """Return the bytes available to a new program; None where the kernel does not report them."""
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(match[1]) * 1024 if match else None
