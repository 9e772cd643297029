"""What the NPU worker needs to know of the machine, and the lock that keeps two users of the NPU apart."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

from services.engines.worker.loop import LoadFailed

CPUS = {"rk3588": 0xF0, "rk3576": 0xF0, "rk3562": 0x0F, "rv1126b": 0x0F}
"""Masks of the four cores the runtime shall use: the big ones, where there are two kinds."""

OVERHEAD = 1.1
"""Peak memory over the file's size, as measured for published models, before a long context adds to it."""

KV_SHARE = 1.6e-5
"""KV cache per byte of the file and token of context: the least among common models (Qwen2.5 1.5B: 28 layers, 2 KV
heads of 128 values, 28 KiB per token, for a file of 1.8 GB), so that only what surely does not fit is refused."""

LOCK_FOLDERS = ("/run/lock", "/tmp")
LOCK_NAME = "rkllm-npu.lock"


def cpu_mask(compatible: Path) -> int:
    """The CPU mask for the chip that the device tree names; the first four cores of an unknown one."""
    try:
        names = compatible.read_bytes().decode(errors="replace").lower()
    except OSError:
        names = ""
    return next((mask for chip, mask in CPUS.items() if chip in names), 0x0F)


def memory_needed(file_bytes: int, context: int) -> float:
    """Bytes that a model with `context` tokens takes at least."""
    return file_bytes * (OVERHEAD + KV_SHARE * context)


def check_memory(model: Path, context: int, meminfo: Path) -> None:
    """Raises `LoadFailed` when the model surely does not fit: without memory a board hangs instead of failing."""
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
    """Take the lock over the NPU; the kernel frees it with the process. Returns the file descriptor to keep.

    Raises `LoadFailed` when another process has it: concurrent users of the NPU can hang it or panic the kernel.
    """
    path = Path(setting) if setting else default_lock()
    try:
        descriptor = opened(path)
    except OSError as error:
        raise LoadFailed(f"The NPU's lock file {path} cannot be opened: {error.strerror}; set npu_lock.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise LoadFailed(
            f"Another process uses the NPU (process {holder}, lock {path}). Stop it, or wait until it is done.",
            "unavailable",
        ) from error
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def default_lock() -> Path:
    folder = next((folder for folder in LOCK_FOLDERS if os.access(folder, os.W_OK)), LOCK_FOLDERS[-1])
    return Path(folder) / LOCK_NAME


def opened(path: Path) -> int:
    """Kernels refuse O_CREAT for another user's file in a sticky folder: it is asked for only where there is none."""
    try:
        return os.open(path, os.O_RDWR)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        os.fchmod(descriptor, 0o666)  # whatever the umask: other users must be able to wait for it
        return descriptor
