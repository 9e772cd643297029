"""Check the machine before a model is loaded onto the NPU, and lock the NPU. Standard library only."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

from services.engines.memory import memory_needed
from services.engines.worker.errors import LoadFailed

CPUS = {"rk3588": 0xF0, "rk3576": 0xF0, "rk3562": 0x0F, "rv1126b": 0x0F}
"""Masks of the four cores the runtime shall use: the big ones, where there are two kinds."""

LOCK_FOLDERS = ("/run/lock", "/tmp")
LOCK_NAME = "rkllm-npu.lock"


def cpu_mask(compatible: Path) -> int:
    """Return the CPU mask for the chip that the device tree names; the first four cores of an unknown one."""
    try:
        names = compatible.read_bytes().decode(errors="replace").lower()
    except OSError:
        names = ""
    return next((mask for chip, mask in CPUS.items() if chip in names), 0x0F)


def check_memory(model: Path, context: int, meminfo: Path) -> None:
    """Raise `LoadFailed` when the model surely does not fit: without memory a board hangs instead of failing."""
    match = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text() if meminfo.exists() else "", re.MULTILINE)
    try:
        needed = memory_needed(model.stat().st_size, context)
    except OSError as error:
        raise LoadFailed(f"The model file {model} cannot be read: {error.strerror}.") from error
    if match and int(match[1]) * 1024 < needed:
        raise LoadFailed(
            f"Not enough memory for {model.name} with {context} tokens of context: it needs at least "
            f"{needed / 2**20:.0f} MiB, {int(match[1]) >> 10} MiB are available. Close other programs, lower "
            "context_length, or choose a smaller model.",
            "unavailable",
        )


def lock(setting: str) -> int:
    """Take the lock over the NPU and return the file descriptor to keep. Never blocks.

    The kernel frees the lock when the last process with that descriptor ends. Raises `LoadFailed` when another process
    has it: two users of the NPU at a time can hang it or panic the kernel.
    """
    path = Path(setting) if setting else default_lock()
    try:
        descriptor = opened(path)
    except OSError as error:
        raise LoadFailed(
            f"The NPU's lock file {path} cannot be opened: {error.strerror}; set npu_lock to a file that can."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise LoadFailed(
            f"Another process uses the NPU (process {holder}, lock {path}). Stop it, or wait until it is done.",
            "unavailable",
        ) from error
    # The process id is for the message of whoever is refused; the lock itself is the kernel's.
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def default_lock() -> Path:
    """Return the usual lock file, in the first of `LOCK_FOLDERS` that can be written."""
    folder = next((folder for folder in LOCK_FOLDERS if os.access(folder, os.W_OK)), LOCK_FOLDERS[-1])
    return Path(folder) / LOCK_NAME


def opened(path: Path) -> int:
    """Open the lock file, and create it where there is none.

    Kernels refuse O_CREAT for another user's file in a sticky folder (fs.protected_regular), so it is not always set.
    """
    try:
        return os.open(path, os.O_RDWR)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        os.fchmod(descriptor, 0o666)  # whatever the umask: other users must be able to wait for it
        return descriptor
