"""The NPU's device nodes and what their driver says of itself."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

DRM_IOCTL_VERSION = 0xC0406400
"""_IOWR('d', 0x00, struct drm_version), 64 bytes."""

RKNPU_ACTION = 0xC0087200
"""_IOWR('r', 0x00, struct { u32 flags; u32 value; }) on the DMA-heap kernel's /dev/rknpu."""

GET_DRIVER_VERSION = 1
"""`flags` of RKNPU_ACTION; the value is major * 10000 + minor * 100 + patch."""


class DrmVersion(ctypes.Structure):
    """``struct drm_version``."""

    _fields_ = (
        ("major", ctypes.c_int),
        ("minor", ctypes.c_int),
        ("patch", ctypes.c_int),
        ("name_len", ctypes.c_size_t),
        ("name", ctypes.c_char_p),
        ("date_len", ctypes.c_size_t),
        ("date", ctypes.c_char_p),
        ("desc_len", ctypes.c_size_t),
        ("desc", ctypes.c_char_p),
    )


class GenerationRequest(Protocol):
    """Asks a device node for its driver: name and version. Never blocks. Raises `OSError`, as for no permission."""

    def __call__(self, node: Path) -> tuple[str, str]: ...


def ask(node: Path) -> tuple[str, str]:
    """The real `GenerationRequest`."""
    descriptor = os.open(node, os.O_RDWR | os.O_CLOEXEC)
    try:
        return rknpu(descriptor) if node.name == "rknpu" else drm(descriptor)
    finally:
        os.close(descriptor)


def rknpu(descriptor: int) -> tuple[str, str]:
    data = fcntl.ioctl(descriptor, RKNPU_ACTION, struct.pack("II", GET_DRIVER_VERSION, 0))
    value = struct.unpack("II", data)[1]
    return "rknpu", f"{value // 10000}.{value // 100 % 100}.{value % 100}"


def drm(descriptor: int) -> tuple[str, str]:
    name = ctypes.create_string_buffer(64)
    version = DrmVersion(name_len=63, name=ctypes.cast(name, ctypes.c_char_p))
    fcntl.ioctl(descriptor, DRM_IOCTL_VERSION, version, True)
    return name.value.decode(errors="replace"), f"{version.major}.{version.minor}.{version.patch}"


@dataclass(frozen=True, slots=True)
class Node:
    """A device node that is the NPU's, or may be."""

    path: Path
    driver: str = ""
    version: str = ""
    error: str = ""
    """Why it could not be asked; empty when it could."""
    denied: bool = False
    """Whether that was for want of permission."""
    group: int = -1
    """The id of the group that may open it."""


def nodes(root: Path, question: GenerationRequest) -> list[Node]:
    """The nodes of the rknpu driver below `root`, and those that nobody here may ask; `rknpu` itself comes first."""
    dev = root / "dev"
    paths = [dev / "rknpu", *sorted((dev / "dri").glob("card*")), *sorted((dev / "dri").glob("renderD*"))]
    found = [node(path, question) for path in paths if path.exists() or path.is_symlink()]
    return [node for node in found if node.driver == "rknpu" or node.denied or node.path.name == "rknpu"]


def node(path: Path, question: GenerationRequest) -> Node:
    group = path.stat().st_gid if path.exists() else -1
    try:
        driver, version = question(path)
    except OSError as error:
        denied = isinstance(error, PermissionError)
        return Node(path, error=error.strerror or str(error), denied=denied, group=group)
    return Node(path, driver, version, group=group)


VERSION_FILES = ("sys/kernel/debug/rknpu/version", "sys/module/rknpu/version", "proc/rknpu/version")


def written_versions(root: Path) -> Iterator[str]:
    """The driver's versions that files tell to those who may read them."""
    for name in VERSION_FILES:
        try:
            text = (root / name).read_text()
        except OSError:
            continue
        if found := re.search(r"\d+\.\d+\.\d+", text):
            yield found[0]
