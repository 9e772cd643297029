"""The runtime library and the models: do they fit each other, the chip and the memory."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.boardcheck.finding import Finding

SUPPORTED = ("1.2.1", "1.2.2", "1.2.3", "1.3.0")

USUAL_PLACES = ("usr/lib", "usr/local/lib", "usr/lib/aarch64-linux-gnu")

VERSION = re.compile(rb"RKLLM SDK \(version:\s*(\d+\.\d+\.\d+\w*)")
"""In the bytes of the library, so that nothing of it has to run."""

OVERHEAD = 1.1
"""Peak memory over the file's size, by Rockchip's published numbers, before a long context adds to it."""

BAD_PAIRS = (
    (r"deepseek-r1-distill", "1.2.3", "answers of [PAD151935] were reported; runtime 1.2.2 works"),
    (r"1\.2\.2", "1.3.0", "models of toolkit 1.2.2 were reported not to end their answers; convert it anew"),
)
"""Pattern of a model's name, the runtime's release, and what users reported of the two together."""


def libraries(root: Path, setting: str) -> list[Path]:
    """The library files that the server may load."""
    if not setting:
        return [path for place in USUAL_PLACES if (path := root / place / "librkllmrt.so").exists()]
    path = Path(setting)
    return sorted(path.glob("librkllmrt*.so")) if path.is_dir() else [path] if path.exists() else []


def release(library: Path) -> str:
    """The release its bytes name; empty for none, or for a file that cannot be read."""
    try:
        with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = VERSION.search(data)
            return found[1].decode() if found else ""
    except (OSError, ValueError):
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
        place = setting or ", ".join(f"/{place}/librkllmrt.so" for place in USUAL_PLACES)
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
    needed = model.stat().st_size * OVERHEAD
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
