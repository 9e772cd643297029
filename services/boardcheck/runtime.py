"""Check whether the runtime library and the models fit each other, the chip and the memory."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.boardcheck.finding import Finding
from services.core.errors import EngineFailed
from services.engines.memory import memory_needed
from services.engines.rkllm.abi import SUPPORTED, of_release
from services.engines.rkllm.library import KNOWN, USUAL_PLACES, candidates, release_of
from services.engines.worker.child import Child
from services.engines.worker.process import worker_env

BAD_PAIRS = (
    (r"deepseek-r1-distill", "1.2.3", "answers of [PAD151935] were reported; runtime 1.2.2 works"),
    (r"1\.2\.2", "1.3.0", "models of toolkit 1.2.2 were reported not to end their answers; convert it anew"),
)
"""Pattern of a model's path or toolkit, release of the runtime, and what users reported about the two together."""


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


def check_library(root: Path, setting: str, layout: str) -> Iterator[Finding]:
    """Yield whether each runtime library is a supported release that can be loaded, and whether there is one.

    `layout` is the setting ``runtime_layout``. Blocks for a second per library.
    """
    libraries = find_libraries(root, setting)
    yield from (check_release(library, read_release(library), layout) for library in libraries)
    if not libraries:
        place = setting or ", ".join(USUAL_PLACES)
        yield Finding("runtime", "bad", f"nothing at {place}", f"librkllmrt.so {' or '.join(KNOWN)}", WHERE)


def check_release(library: Path, release: str, layout: str) -> Finding:
    """Return whether this library is a supported `release` and can be loaded here."""
    abi = of_release(release, layout)
    if abi is None:
        found = f"{library} is {f'release {release}' if release else 'no readable librkllmrt'}"
        return Finding("runtime", "bad", found, f"one of {', '.join(KNOWN)}", WHERE)
    if problem := try_load(library, release, layout):
        return Finding("runtime", "bad", problem, "a library that this computer can load", WHERE)
    if release in SUPPORTED:
        return Finding("runtime", "good", f"{library} is release {release}")
    return Finding(
        "runtime", "unknown", f"{library} is release {release}, used with the layouts of {abi.releases[-1]}; its "
        "default values do not contradict them", "the trial of a model without a bad finding",
        "name a model to this check; if it fails, use one of the releases " + ", ".join(SUPPORTED),
    )  # fmt: skip


LOAD = """
import sys; from pathlib import Path
from services.engines.rkllm.library import load_library
from services.engines.worker.errors import LoadFailed
try: load_library(Path(sys.argv[1]), *sys.argv[2:])
except LoadFailed as error: sys.exit(str(error))
print("loaded")
"""
"""Loads the library as the engine does, without a model."""


def try_load(library: Path, release: str, layout: str) -> str:
    """Return why `library` cannot be loaded, in a sentence; empty if it can. Blocks for a second.

    In a process of its own: the code of a library that fits this computer badly may end the process.
    """
    child = Child([sys.executable, "-c", LOAD, str(library), release, layout], worker_env(), library.name)
    try:
        for line in child.lines(LOAD_TIMEOUT):
            if line is None:
                return f"{library} did not load within {LOAD_TIMEOUT:.0f} s"
            if line == b"loaded":
                return ""
    except EngineFailed:
        pass  # it ended; `Child` knows how
    finally:
        child.kill()
    return f"{library} cannot be used: {child.log.last_line or child.ending()}"


LOAD_TIMEOUT = 30.0
"""Seconds; a load takes less than one."""


WHERE = (
    "take rkllm-runtime/Linux/librkllm_api/aarch64/librkllmrt.so of a release tag of Rockchip's rknn-llm repository, "
    "and name it in the setting runtime_library if it is elsewhere"
)


def check_model_files(root: Path, models: Sequence[Path], chip: str, setting: str) -> Iterator[Finding]:
    """Yield what is wrong with each model file, or that it is good."""
    releases = [name for library in find_libraries(root, setting) if (name := read_release(library)) in KNOWN]
    available = available_memory(root)
    for model in models:
        problems = [
            *check_model_chip(model, chip),
            *check_model_memory(model, available),
            *(finding for release in releases for finding in check_bad_pairs(model.name, str(model), release)),
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


def check_bad_pairs(name: str, about: str, release: str) -> Iterator[Finding]:
    """Yield a finding for each reported problem of the model `name` with this release of the runtime.

    `about` is what tells the kind of the model: its path, or the toolkit's release that made it.
    """
    for pattern, bad_release, report in BAD_PAIRS:
        if release == bad_release and re.search(pattern, about.lower()):
            yield Finding("model", "slow", f"{name} with runtime {release}", "another pair", report)


def available_memory(root: Path) -> int | None:
    """Return the bytes available to a new program; None where the kernel does not report them."""
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(match[1]) * 1024 if match else None
