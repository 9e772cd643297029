"""Check the machine for what the NPU runtime needs.

Each check reads below a root folder, ``/`` outside tests, and returns a `Finding`; none changes anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.boardcheck import devices
from services.boardcheck.finding import Finding
from services.boardcheck.runtime import check_library, check_model_files

CHIPS = ("rk3588", "rk3576", "rk3562", "rv1126b")
"""Chips that the runtime supports; it treats an ``rk3588s`` as an rk3588."""

DRIVER = (0, 9, 8)
"""The version that Rockchip's manual requires since runtime 1.1."""

DRIVER_FAILS = (0, 9, 0)
"""Runs were seen to fail below this version (with 0.8.2); in between the runtime warns and continues."""

OPEN_FILES = 4096
"""The usual soft limit of 1024 was too low for older runtimes ("Too many open files")."""


@dataclass(frozen=True, slots=True)
class Board:
    """The machine to check."""

    root: Path
    query_driver: devices.DriverQuery
    open_files: int
    """This process's soft limit of open files."""
    library: str = ""
    """The setting ``runtime_library``: a file or a folder; empty for the usual places."""
    layout: str = ""
    """The setting ``runtime_layout``."""
    models: Sequence[Path] = ()
    """The .rkllm files of the catalogue."""
    problems: Sequence[str] = ()
    """What the catalogue says of the folders that it cannot use."""


def run_checks(board: Board) -> list[Finding]:
    """Run all checks and return their findings; a remedy for one may solve a later one too."""
    nodes = devices.find_nodes(board.root, board.query_driver)
    chip = chip_of(board.root)
    return [
        check_chip(chip),
        check_kernel(board.root),
        check_nodes(nodes),
        check_permission(nodes),
        check_driver(nodes, list(devices.versions_in_files(board.root))),
        check_open_files(board.open_files),
        *check_governors(board.root),
        *check_library(board.root, board.library, board.layout),
        *(
            Finding("model", "bad", problem, "a model that can be used", "do what it says")
            for problem in board.problems
        ),
        *check_model_files(board.root, board.models, chip, board.library),
    ]


def read_text(path: Path) -> str:
    """Return a file's text; empty where it cannot be read."""
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def chip_of(root: Path) -> str:
    """Return the supported chip that the device tree names; empty for none."""
    names = read_text(root / "proc/device-tree/compatible").lower()
    return next((chip for chip in CHIPS if chip in names), "")


def check_chip(chip: str) -> Finding:
    """Check that the runtime supports the chip."""
    if chip:
        return Finding("chip", "good", chip.upper())
    return Finding(
        "chip", "bad", "the device tree names none that the runtime supports, or cannot be read",
        f"one of {', '.join(CHIPS).upper()}, named in /proc/device-tree/compatible",
        "run this on the board; in a container pass --security-opt systempaths=unconfined: Docker hides the file",
    )  # fmt: skip


def check_kernel(root: Path) -> Finding:
    """Check that the kernel is Rockchip's: the runtime needs its driver."""
    match = re.search(r"Linux version (\S+)", read_text(root / "proc/version"))
    release = match[1] if match else "unknown"
    if (root / "sys/module/rocket").exists():
        return Finding(
            "kernel", "bad", f"{release} with the mainline driver 'rocket'",
            "the vendor kernel (5.10 or 6.1) with the driver rknpu",
            "install an image with Rockchip's vendor kernel: the runtime cannot use the mainline driver",
        )  # fmt: skip
    return Finding("kernel", "good" if match else "unknown", release)


def check_nodes(nodes: Sequence[devices.Node]) -> Finding:
    """Check that the NPU's device node exists and is a real one."""
    linked = [node for node in nodes if node.path.name == "rknpu" and node.path.is_symlink()]
    if linked:
        return Finding(
            "device", "bad", f"{linked[0].path} is a link to {linked[0].path.readlink()}", "no such link",
            "remove it: the runtime finds a DRM node by itself, and fails on one under this name",
        )  # fmt: skip
    npu = [node for node in nodes if node.driver == "rknpu" or node.path.name == "rknpu"]
    if npu:
        kind = "DMA-heap kernel" if npu[0].path.name == "rknpu" else "DRM kernel"
        return Finding("device", "good", f"{', '.join(str(node.path) for node in npu)} ({kind})")
    if nodes:
        return Finding("device", "unknown", f"{', '.join(str(node.path) for node in nodes)} cannot be opened")
    return Finding(
        "device", "bad", "neither /dev/rknpu nor a /dev/dri/card* of the driver rknpu", "one of them",
        "use a vendor kernel with the rknpu driver; pass the devices into a container: --device /dev/dri, and with a "
        "DMA-heap kernel --device /dev/rknpu --device /dev/dma_heap",
    )  # fmt: skip


def check_permission(nodes: Sequence[devices.Node]) -> Finding:
    """Check that this user may open the NPU's node; one open node is enough where it is certainly the NPU's."""
    denied = [node for node in nodes if node.denied]
    if not denied or any(node.driver == "rknpu" for node in nodes):
        return Finding("permission", "good" if nodes else "unknown", "granted" if nodes else "no device to open")
    groups = sorted({node.group for node in denied})
    return Finding(
        "permission", "bad", "; ".join(f"{node.path}: {node.error}" for node in denied),
        f"a user in the group {', '.join(map(str, groups))}",
        f"sudo usermod -aG $(getent group {groups[0]} | cut -d: -f1) $USER and log in again; in a container "
        f"{' '.join(f'--group-add {group}' for group in groups)}",
    )  # fmt: skip


def check_driver(nodes: Sequence[devices.Node], in_files: Sequence[str]) -> Finding:
    """Check the driver's version, from the driver itself, else from files."""
    versions = [node.version for node in nodes if node.driver == "rknpu" and node.version] or list(in_files)
    if not versions:
        return Finding("driver", "unknown", "its version cannot be read", remedy="run this check as root once")
    number = tuple(map(int, versions[0].split(".")))
    if number >= DRIVER:
        return Finding("driver", "good", f"rknpu {versions[0]}")
    return Finding(
        "driver", "bad" if number < DRIVER_FAILS else "slow", f"rknpu {versions[0]}",
        f"{'.'.join(map(str, DRIVER))} or newer", "update the kernel image: the driver is part of it",
    )  # fmt: skip


def check_open_files(limit: int) -> Finding:
    """Check this process's limit of open files, which the server inherits in the same shell or container."""
    if limit >= OPEN_FILES:
        return Finding("open files", "good", str(limit))
    remedy = f"ulimit -n {OPEN_FILES} before the start; LimitNOFILE in a unit; ulimits: nofile in a compose file"
    return Finding("open files", "slow", str(limit), f"{OPEN_FILES}: older runtimes run out of them", remedy)


GOVERNORS = (
    ("NPU clock", "sys/class/devfreq/*.npu/governor"),
    ("memory clock", "sys/class/devfreq/dmc/governor"),
    ("CPU clocks", "sys/devices/system/cpu/cpufreq/policy*/scaling_governor"),
)
"""Name of each clock, and the files that say how it is controlled."""


def check_governors(root: Path) -> Iterator[Finding]:
    """Yield whether each clock stays high: one that follows the load rises too slowly between two tokens."""
    for name, pattern in GOVERNORS:
        files = sorted(root.glob(pattern))
        governors = {file: read_text(file).strip() for file in files}
        slow = [file for file, governor in governors.items() if governor != "performance"]
        found = ", ".join(sorted(set(governors.values()))) or "no governor found"
        if slow:
            remedy = f"echo performance | sudo tee {' '.join(f'/{file.relative_to(root)}' for file in slow)}"
            yield Finding(name, "slow", found, "performance, for full speed", remedy)
        else:
            yield Finding(name, "good" if files else "unknown", found)
