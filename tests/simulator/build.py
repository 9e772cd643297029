"""Build the simulated runtime with gcc: ``python -m tests.simulator.build FOLDER`` writes one library per release.

The result is cached under ``.cache/simulator`` by the content of the sources, so a test run compiles once.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "simulator"
FACTS = HERE.parent / "data" / "rkllm-abi.json"
RELEASES = {"1.2.3": "123", "1.3.0": "130"}
"""The simulated releases, oldest first, with the value of RKLLM_ABI: one of each group of the facts is enough."""

NEWEST = [*RELEASES][-1]

UNREAD = {"1.3.1": "131"}
"""Simulated releases whose header was not read. They are in a folder of their own: who wants one asks for it."""

SOURCES = ("api.c", "answer.c", "model.c", "orders.c", "tokens.c")


def library(release: str) -> Path:
    """Return the simulated ``librkllmrt.so`` of `release`, built if it is missing. Blocks. Raises `RuntimeError`."""
    return folder() / ("unread" if release in UNREAD else "") / f"librkllmrt-{release}.so"


def folder() -> Path:
    """Return a folder with the libraries of all releases, built if they are missing, which blocks for about a second.

    Raises `RuntimeError` where gcc fails.
    """
    digest = hashlib.sha256()
    for name in (*SOURCES, "rkllm.h", "sim.h", "build.py"):
        digest.update((HERE / name).read_bytes())
    digest.update(FACTS.read_bytes())
    target = CACHE / digest.hexdigest()[:16]
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as made:
            build_all(Path(made))
            _put(Path(made), target)
    return target


def _put(made: Path, target: Path) -> None:
    """Rename `made` to `target`, unless another process was faster."""
    try:
        os.rename(made, target)
    except OSError:
        if not target.exists():
            raise
    else:
        made.mkdir()  # for the context manager that wants to remove it


def build_all(into: Path) -> None:
    """Build the libraries of all releases. Blocks. Raises `RuntimeError`."""
    (into / "unread").mkdir()
    for release, abi in RELEASES.items():
        layout = into / f"layout-{release}.c"
        layout.write_text("\n".join(assertions(release)) + "\n")
        _gcc(abi, [layout], into / f"librkllmrt-{release}.so")
    for release, abi in UNREAD.items():
        _gcc(abi, [], into / "unread" / f"librkllmrt-{release}.so")


def _gcc(abi: str, extra: list[Path], output: Path) -> None:
    flags = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-sign-compare", "-fPIC"]
    flags += ["-fvisibility=hidden", "-pthread"]
    sources = [str(HERE / name) for name in SOURCES] + [str(path) for path in extra]
    command = ["gcc", *flags, f"-DRKLLM_ABI={abi}", f"-I{HERE}", "-shared", "-o", str(output), *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"gcc could not build the simulated runtime:\n{done.stderr}")


def assertions(release: str) -> Iterator[str]:
    """Yield lines of C that compile only if the header has the layout of `release` in the facts."""
    groups = json.loads(FACTS.read_text())["groups"].values()
    facts = next(group for group in groups if release in group["releases"])
    yield '#include "rkllm.h"'
    for name, struct in facts["structs"].items():
        yield f'_Static_assert(sizeof({name}) == {struct["sizeof"]}, "{name}");'
        for path, offset in offsets(struct["fields"]):
            yield f'_Static_assert(offsetof({name}, {path}) == {offset}, "{name}.{path}");'


def offsets(fields: list[dict[str, object]], prefix: str = "", base: int = 0) -> Iterator[tuple[str, int]]:
    """Yield the path of every field, and its offset from the start of the outermost struct."""
    for field in fields:
        offset = base + int(str(field["offset"]))
        path = f"{prefix}{field['name']}"
        inner = field.get("fields")
        if isinstance(inner, list):
            yield from offsets(inner, f"{path}." if field["name"] else prefix, offset)
        else:
            yield path, offset


if __name__ == "__main__":
    destination = Path(sys.argv[1])
    destination.mkdir(parents=True, exist_ok=True)
    build_all(destination)
