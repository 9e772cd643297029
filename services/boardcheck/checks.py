"""The checks. Each reads below a root folder, ``/`` outside tests, and returns what it found; none changes anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.boardcheck import devices
from services.boardcheck.finding import Finding
from services.boardcheck.runtime import check_library, check_models

CHIPS = ("rk3588", "rk3576", "rk3562", "rv1126b")
"""What the runtime supports; ``rk3588s`` is an rk3588 to it."""

DRIVER = (0, 9, 8)
"""What Rockchip's manual asks for since runtime 1.1."""

DRIVER_FAILS = (0, 9, 0)
"""Below it runs were seen to fail (0.8.2); in between the runtime warns and goes on."""

OPEN_FILES = 4096
"""The usual soft limit of 1024 was too low for older runtimes ("Too many open files")."""


@dataclass(frozen=True, slots=True)
class Board:
    """What the checks look at."""

    root: Path
    ask: devices.GenerationRequest
    open_files: int
    """This process's limit."""
    library: str = ""
    """The setting ``runtime_library``: a file or a folder; empty for the usual places."""
    models: Sequence[Path] = ()
    """The .rkllm files."""


def check(board: Board) -> list[Finding]:
    """All checks, in the order in which a remedy for one may mend the next."""
    found = devices.nodes(board.root, board.ask)
    chip = chip_of(board.root)
    each: list[Callable[[], Finding]] = [
        lambda: check_chip(chip),
        lambda: check_kernel(board.root),
        lambda: check_nodes(found),
        lambda: check_permission(found),
        lambda: check_driver(found, list(devices.written_versions(board.root))),
        lambda: check_open_files(board.open_files),
    ]
    return [
        *(one() for one in each),
        *check_governors(board.root),
        *check_library(board.root, board.library),
        *check_models(board.root, board.models, chip, board.library),
    ]


def text(path: Path) -> str:
    """A file's text, empty where it cannot be read."""
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def chip_of(root: Path) -> str:
    """The supported chip that the device tree names; empty for none."""
    names = text(root / "proc/device-tree/compatible").lower()
    return next((chip for chip in CHIPS if chip in names), "")


def check_chip(chip: str) -> Finding:
    if chip:
        return Finding("chip", "good", chip.upper())
    return Finding(
        "chip", "bad", "the device tree names none that the runtime knows, or cannot be read",
        f"one of {', '.join(CHIPS).upper()}, named in /proc/device-tree/compatible",
        "run this on the board; in a container pass --security-opt systempaths=unconfined, which Docker masks else",
    )  # fmt: skip


def check_kernel(root: Path) -> Finding:
    found = re.search(r"Linux version (\S+)", text(root / "proc/version"))
    release = found[1] if found else "unknown"
    if (root / "sys/module/rocket").exists():
        return Finding(
            "kernel", "bad", f"{release} with the mainline driver 'rocket'",
            "the vendor kernel (5.10 or 6.1) with the driver rknpu",
            "install an image with Rockchip's vendor kernel: the runtime cannot use the mainline driver",
        )  # fmt: skip
    return Finding("kernel", "good" if found else "unknown", release)


def check_nodes(found: Sequence[devices.Node]) -> Finding:
    linked = [node for node in found if node.path.name == "rknpu" and node.path.is_symlink()]
    if linked:
        return Finding(
            "device", "bad", f"{linked[0].path} is a link to {linked[0].path.readlink()}", "no such link",
            "remove it: the runtime finds a DRM node by itself, and fails on one under this name",
        )  # fmt: skip
    ours = [node for node in found if node.driver == "rknpu" or node.path.name == "rknpu"]
    if ours:
        kind = "DMA-heap kernel" if ours[0].path.name == "rknpu" else "DRM kernel"
        return Finding("device", "good", f"{', '.join(str(node.path) for node in ours)} ({kind})")
    if found:
        return Finding("device", "unknown", f"{', '.join(str(node.path) for node in found)} cannot be asked")
    return Finding(
        "device", "bad", "neither /dev/rknpu nor a /dev/dri/card* of the driver rknpu", "one of them",
        "use a vendor kernel with the rknpu driver; pass the devices into a container: --device /dev/dri, and with a "
        "DMA-heap kernel --device /dev/rknpu --device /dev/dma_heap",
    )  # fmt: skip


def check_permission(found: Sequence[devices.Node]) -> Finding:
    """One open node is enough, where it is certain that it is the NPU's."""
    closed = [node for node in found if node.denied]
    if not closed or any(node.driver == "rknpu" for node in found):
        return Finding("permission", "good" if found else "unknown", "granted" if found else "no device to open")
    groups = sorted({node.group for node in closed})
    named = ", ".join(map(str, groups))
    return Finding(
        "permission", "bad", "; ".join(f"{node.path}: {node.error}" for node in closed),
        f"a user in the group {named}",
        f"sudo usermod -aG $(getent group {groups[0]} | cut -d: -f1) $USER and log in again; in a container "
        f"{' '.join(f'--group-add {group}' for group in groups)}",
    )  # fmt: skip


def check_driver(found: Sequence[devices.Node], written: Sequence[str]) -> Finding:
    versions = [node.version for node in found if node.driver == "rknpu" and node.version] or list(written)
    if not versions:
        return Finding("driver", "unknown", "nothing tells its version", remedy="run this check as root once")
    number = tuple(map(int, versions[0].split(".")))
    if number >= DRIVER:
        return Finding("driver", "good", f"rknpu {versions[0]}")
    return Finding(
        "driver", "bad" if number < DRIVER_FAILS else "slow", f"rknpu {versions[0]}",
        f"{'.'.join(map(str, DRIVER))} or newer", "update the kernel image: the driver is part of it",
    )  # fmt: skip


def check_open_files(limit: int) -> Finding:
    if limit >= OPEN_FILES:
        return Finding("open files", "good", str(limit))
    remedy = f"ulimit -n {OPEN_FILES} before the start; LimitNOFILE in a unit; ulimits: nofile in a compose file"
    return Finding("open files", "slow", str(limit), f"{OPEN_FILES}: older runtimes run out of them", remedy)


GOVERNORS = (
    ("NPU clock", "sys/class/devfreq/*.npu/governor"),
    ("memory clock", "sys/class/devfreq/dmc/governor"),
    ("CPU clocks", "sys/devices/system/cpu/cpufreq/policy*/scaling_governor"),
)


def check_governors(root: Path) -> Iterator[Finding]:
    """Clocks that follow the load are slow to rise between two tokens."""
    for name, pattern in GOVERNORS:
        files = sorted(root.glob(pattern))
        governors = {file: text(file).strip() for file in files}
        slow = [file for file, governor in governors.items() if governor != "performance"]
        found = ", ".join(sorted(set(governors.values()))) or "no governor to be seen"
        if slow:
            remedy = f"echo performance | sudo tee {' '.join(f'/{file.relative_to(root)}' for file in slow)}"
            yield Finding(name, "slow", found, "performance, for the speed that benchmarks name", remedy)
        else:
            yield Finding(name, "good" if files else "unknown", found)
