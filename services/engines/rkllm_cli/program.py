"""Find the `rkllm` program, and make it write each token at once and end with the server."""

from __future__ import annotations

import shutil
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from services.core.errors import Unavailable

PT_INTERP = (3).to_bytes(4, "little")
"""The ELF program header that names the dynamic loader."""

STARTER = ThreadPoolExecutor(1, "rkllm-starter")
"""Starts the programs: its thread lives as long as the server, and the kernel kills a program of `command` with the
thread that started it. A program that hangs would else keep the NPU for ever after a server that was killed."""


def command(binary: str) -> list[str]:
    """Return the beginning of the command line that makes `binary` write each token at once and end with `STARTER`.

    Raises `Unavailable` when there is no such program, or none that can be made to.
    """
    program = shutil.which(binary)
    if program is None:
        raise Unavailable(
            f"The rkllm program {binary!r} was not found. Install it, set 'binary' (RKLLM_BINARY) to its path, "
            "or remove 'engine: rkllm_cli' from the model's model.yaml."
        )
    setpriv = needed("setpriv", "to end with the server", "util-linux")
    stdbuf = needed("stdbuf", "to stream", "GNU coreutils")
    if not dynamic(Path(program)):
        raise Unavailable(
            f"The rkllm program {program} is linked statically, so stdbuf cannot make it stream. "
            "Link it dynamically, or use the native engine (engine: rkllm in model.yaml)."
        )
    return [setpriv, "--pdeathsig", "KILL", stdbuf, "-o0", program]


def needed(name: str, purpose: str, package: str) -> str:
    """Return the path of a program. Raises `Unavailable` where it is missing."""
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"The rkllm program needs '{name}' {purpose}, which was not found. Install {package}.")
    return found


def dynamic(program: Path) -> bool:
    """Return whether `program` loads shared libraries; True for what is no ELF file, such as a script."""
    with program.open("rb") as file:
        head = file.read(4096)
    if not head.startswith(b"\x7fELF"):
        return True
    # e_phoff, e_phentsize and e_phnum of the ELF header, which has other offsets in 64-bit files.
    wide = head[4] == 2
    offset = struct.unpack_from("<Q" if wide else "<I", head, 0x20 if wide else 0x1C)[0]
    size, count = struct.unpack_from("<HH", head, 0x36 if wide else 0x2A)
    return any(head[start : start + 4] == PT_INTERP for start in range(offset, offset + size * count, size))
