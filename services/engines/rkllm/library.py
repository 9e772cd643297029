"""Find librkllmrt, read its release from its bytes, and load it with that release's table. Standard library only.

Nothing of the file runs before its release is known: all releases have the same file name, and a call by another
release's table corrupts memory and reports nothing.
"""

from __future__ import annotations

import ctypes
import mmap
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from services.engines.rkllm.abi import ALIKE, SUPPORTED, Abi, numbers, of_release
from services.engines.rkllm.canary import implausible
from services.engines.worker.errors import LoadFailed

KNOWN = (*SUPPORTED, *ALIKE)

USUAL_PLACES = ("/usr/lib/librkllmrt.so", "/usr/local/lib/librkllmrt.so", "/usr/lib/aarch64-linux-gnu/librkllmrt.so")

VERSION = re.compile(rb"RKLLM SDK \(version:\s*(\d+\.\d+\.\d+\w*)")

WHERE = (
    "Rockchip's rknn-llm repository has it under the tag release-v{}: "
    "rkllm-runtime/Linux/librkllm_api/aarch64/librkllmrt.so"
)


def release_of(path: Path) -> str:
    """Return the release that the file names in its bytes, empty if it names none. Raises `OSError`."""
    with path.open("rb") as file:
        # An empty file cannot be mapped.
        if not path.stat().st_size:
            return ""
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = VERSION.search(data)
            return found[1].decode() if found else ""


def candidates(setting: str) -> list[Path]:
    """Return the files that may be meant: the setting's file, those in its folder, or the usual places."""
    if not setting:
        return [path for path in map(Path, USUAL_PLACES) if path.exists()]
    path = Path(setting)
    return sorted(path.glob("librkllmrt*.so")) if path.is_dir() else [path]


def choose(setting: str, wanted: str, layout: str = "") -> tuple[Path, str]:
    """Return the library to load and its release.

    It is the `wanted` release, else the newest whose header was read, else the newest that can be used with `layout`
    (`abi.of_release`). Raises `LoadFailed` with what was found, what is supported and where it comes from.
    """
    files = candidates(setting)
    if not files or not all(path.exists() for path in files):
        raise LoadFailed(missing_library(setting))
    found = {path: released(path) for path in files}
    usable = {path: release for path, release in found.items() if of_release(release, layout)}
    if wanted:
        usable = {path: release for path, release in usable.items() if release == wanted}
    if not usable:
        raise LoadFailed(unusable(found, wanted, layout))
    return max(usable.items(), key=lambda item: (item[1] in SUPPORTED, numbers(item[1])))


def released(path: Path) -> str:
    """Return what `release_of` does. Raises `LoadFailed` for a file that cannot be read."""
    try:
        return release_of(path)
    except OSError as error:
        raise LoadFailed(
            f"The NPU runtime {path} cannot be read: {error.strerror}. Give this user the right to read it."
        ) from error


def missing_library(setting: str) -> str:
    """Return the sentence for no library at all."""
    place = setting or ", ".join(USUAL_PLACES)
    return (
        f"The NPU runtime librkllmrt.so was not found at {place}. {WHERE.format(SUPPORTED[-1])}; put it there or name "
        "the file in the setting runtime_library (RKLLM_RUNTIME_LIBRARY)."
    )


def unusable(found: dict[Path, str], wanted: str, layout: str = "") -> str:
    """Return the sentence for libraries of which none will do."""
    seen = "; ".join(f"{path} is {release or 'no librkllmrt, it names no release'}" for path, release in found.items())
    needed = f"The model wants release {wanted}" if wanted else f"Supported are the releases {listed(KNOWN)}"
    return f"No usable NPU runtime: {seen}. {needed}. {WHERE.format(wanted or SUPPORTED[-1])}. {about(found, layout)}"


def about(found: dict[Path, str], layout: str) -> str:
    """Return what the setting ``runtime_layout`` can do for the libraries that were `found`; empty for nothing."""
    if layout and layout not in SUPPORTED:
        return f"The setting runtime_layout is {layout}; needed is one of {', '.join(SUPPORTED)}."
    if not layout and any(release and numbers(release) > numbers(SUPPORTED[-1]) for release in found.values()):
        return (
            f"To try a newer release with the layouts of {SUPPORTED[-1]}, set runtime_layout to {SUPPORTED[-1]} and "
            "let the board check try a model (docs/npu.md)."
        )
    return ""


def listed(words: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return f"{', '.join(words[:-1])} and {words[-1]}"


def load_library(path: Path, release: str, layout: str = "") -> tuple[Any, Abi]:
    """Load the library with its table. Blocks for milliseconds. Raises `LoadFailed`.

    The table of another release is used only with a library whose default values can be read by it.
    """
    abi = of_release(release, layout)
    if abi is None:
        raise LoadFailed(unusable({path: release}, "", layout))
    try:
        library = ctypes.CDLL(str(path))
        abi.bind(library)
    # AttributeError: a function of the table is not in the file.
    except (OSError, AttributeError) as error:
        raise LoadFailed(
            f"The NPU runtime {path} ({release}) cannot be loaded: {error}. It needs an aarch64 system with glibc, "
            "libgomp1 and libstdc++6; fetch the file again if it is cut short."
        ) from error
    if release not in abi.releases and (odd := implausible(library.rkllm_createDefaultParam())):
        raise LoadFailed(
            f"The NPU runtime {path} is {release}, and it has not the layouts of {abi.releases[-1]}: read by them, its "
            f"default values are {', '.join(odd)}. Use one of the releases {', '.join(SUPPORTED)}."
        )
    return library, abi


def table(setting: str, wanted: str, layout: str = "") -> Abi | None:
    """Return the table of the release that a worker would load; None where it would find none.

    Reads no more than the times of files, unless one has changed.
    """
    files = tuple((path, path.stat().st_mtime_ns) for path in candidates(setting) if path.exists())
    return of_release(_chosen(setting, wanted, layout, files), layout)


@lru_cache(maxsize=16)
def _chosen(setting: str, wanted: str, layout: str, files: tuple[tuple[Path, int], ...]) -> str:
    """Return the release that `choose` finds, empty for none; `files` makes a changed folder another question."""
    try:
        return choose(setting, wanted, layout)[1] if files else ""
    except LoadFailed:
        return ""
