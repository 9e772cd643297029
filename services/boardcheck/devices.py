"""Find the NPU's device nodes and ask their driver for its name and version."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

DRM_IOCTL_VERSION = 0xC0406400
"""_IOWR('d', 0x00, struct drm_version), 64 bytes."""

RKNPU_ACTION = 0xC0087200
"""_IOWR('r', 0x00, struct { u32 flags; u32 value; }) on the DMA-heap kernel's /dev/rknpu."""

GET_DRIVER_VERSION = 1
"""`flags` of RKNPU_ACTION; the value is major * 10000 + minor * 100 + patch."""


class DrmVersion(ctypes.Structure):
    """The kernel's ``struct drm_version``."""

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


DriverQuery = Callable[[Path], tuple[str, str]]
"""Returns the driver's name and version for a device node, as `query_driver`; tests replace it."""


def query_driver(node: Path) -> tuple[str, str]:
    """Return the name and version of the driver behind `node`. Never blocks. Raises `OSError`."""
    descriptor = os.open(node, os.O_RDWR | os.O_CLOEXEC)
    try:
        return query_rknpu(descriptor) if node.name == "rknpu" else query_drm(descriptor)
    finally:
        os.close(descriptor)


def query_rknpu(descriptor: int) -> tuple[str, str]:
    """Ask the DMA-heap kernel's /dev/rknpu. Raises `OSError`."""
    data = fcntl.ioctl(descriptor, RKNPU_ACTION, struct.pack("II", GET_DRIVER_VERSION, 0))
    value = struct.unpack("II", data)[1]
    return "rknpu", f"{value // 10000}.{value // 100 % 100}.{value % 100}"


def query_drm(descriptor: int) -> tuple[str, str]:
    """Ask a DRM node, of the NPU or of a display. Raises `OSError`."""
    name = ctypes.create_string_buffer(64)
    version = DrmVersion(name_len=63, name=ctypes.cast(name, ctypes.c_char_p))
    fcntl.ioctl(descriptor, DRM_IOCTL_VERSION, version, True)
    return name.value.decode(errors="replace"), f"{version.major}.{version.minor}.{version.patch}"


@dataclass(frozen=True, slots=True)
class Node:
    """A device node that belongs to the NPU, or may."""

    path: Path
    driver: str = ""
    version: str = ""
    error: str = ""
    """Why the driver could not be queried; empty on success."""
    denied: bool = False
    """Whether permission was missing."""
    group: int = -1
    """Id of the group that may open it; -1 without a node."""


def find_nodes(root: Path, query: DriverQuery) -> list[Node]:
    """Return the nodes of the driver rknpu below `root`, and those without permission; ``/dev/rknpu`` comes first."""
    dev = root / "dev"
    paths = [dev / "rknpu", *sorted((dev / "dri").glob("card*")), *sorted((dev / "dri").glob("renderD*"))]
    nodes = [inspect_node(path, query) for path in paths if path.exists() or path.is_symlink()]
    return [node for node in nodes if node.driver == "rknpu" or node.denied or node.path.name == "rknpu"]


def inspect_node(path: Path, query: DriverQuery) -> Node:
    """Return what is known of the node at `path`; an error of the query becomes part of the result."""
    group = path.stat().st_gid if path.exists() else -1
    try:
        driver, version = query(path)
    except OSError as error:
        denied = isinstance(error, PermissionError)
        return Node(path, error=error.strerror or str(error), denied=denied, group=group)
    return Node(path, driver, version, group=group)


VERSION_FILES = ("sys/kernel/debug/rknpu/version", "sys/module/rknpu/version", "proc/rknpu/version")
"""Where kernels publish the driver's version; some are readable by root only."""


def versions_in_files(root: Path) -> Iterator[str]:
    """Yield the driver's version from each readable file of `VERSION_FILES`."""
    for name in VERSION_FILES:
        try:
            text = (root / name).read_text()
        except OSError:
            continue
        if found := re.search(r"\d+\.\d+\.\d+", text):
            yield found[0]
