"""Build the fake `rkllm` program (`cli.c`), linked against the simulated runtime."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from tests.simulator import build


def program(release: str) -> Path:
    """Return the fake `rkllm` for the runtime of `release`, built if it is missing. Blocks. Raises `RuntimeError`."""
    runtime = build.folder()
    source = build.HERE / "cli.c"
    target = runtime / f"rkllm-{release}-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
    if not target.exists():
        abi, library = build.RELEASES[release], build.library(release).name
        flags = ["-Wall", "-Wextra", "-Werror", f"-DRKLLM_ABI={abi}"]
        compiled(target, [*flags, str(source), f"-L{runtime}", f"-l:{library}", "-Wl,-rpath,$ORIGIN", "-pthread"])
    return target


def compiled(target: Path, arguments: list[str], source: str = "") -> None:
    """Run gcc with `arguments` and `source` on its stdin. Blocks. Raises `RuntimeError`.

    `target` appears complete or not at all, since tests in other processes may look for it.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as made:
        output = Path(made) / "program"
        command = ["gcc", "-std=gnu11", "-O1", "-g", *arguments, "-o", str(output)]
        done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"gcc could not build the fake rkllm program:\n{done.stderr}")
        os.replace(output, target)
