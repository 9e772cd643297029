"""Find the `rkllm` program, and make it write each token at once."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

from services.core.errors import Unavailable

PT_INTERP = (3).to_bytes(4, "little")
"""The ELF program header that names the dynamic loader."""


def unbuffered(binary: str) -> list[str]:
    """Return the beginning of the command line that makes `binary` write each token at once.

    Raises `Unavailable` when there is no such program, or none that can be made to.
    """
    program, stdbuf = shutil.which(binary), shutil.which("stdbuf")
    if program is None:
        raise Unavailable(
            f"The rkllm program {binary!r} was not found. Install it, set 'binary' (RKLLM_BINARY) to its path, "
            "or remove 'engine: rkllm_cli' from the model's model.yaml."
        )
    if stdbuf is None:
        raise Unavailable("The rkllm program needs 'stdbuf' to stream, which was not found. Install GNU coreutils.")
    if not dynamic(Path(program)):
        raise Unavailable(
            f"The rkllm program {program} is linked statically, so stdbuf cannot make it stream. "
            "Link it dynamically, or use the native engine (engine: rkllm in model.yaml)."
        )
    return [stdbuf, "-o0", program]


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
