"""Read the NPU and its board from the kernel's files, for Prometheus; nothing is kept between two scrapes.

A file that is missing, unreadable or in an unknown format is an absent series, never a 0: a board whose
NPU load cannot be read must not look like an idle one. The files are those of Rockchip's kernels; a computer without an
NPU has the memory and the disk.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from services.core.settings import Settings

CORES = re.compile(r"Core(\d+):\s*(\d+)%")
"""``NPU load:  Core0:  0%, Core1: 12%, Core2:  0%,`` as RK3588 (three cores) and RK3576 (two) write it."""

ONE_CORE = re.compile(r"NPU load:\s*(\d+)%")
"""``NPU load:  7%`` of chips whose NPU has one core."""

VERSION = re.compile(r"\d+\.\d+\.\d+")
MEMINFO = re.compile(r"^(\w+):\s+(\d+) kB$", re.MULTILINE)
POWER = {"on": 1.0, "off": 0.0}


class BoardCollector(Collector):
    """Read some twenty small files per scrape; block for no longer than the kernel does."""

    def __init__(self, settings: Settings) -> None:
        """Take the kernel's folders and the models' from `settings`. Reads nothing yet."""
        self._debug = settings.npu_debug_dir
        self._devfreq = settings.sysfs_dir / "class" / "devfreq"
        self._thermal = settings.sysfs_dir / "class" / "thermal"
        self._module = settings.sysfs_dir / "module" / "rknpu"
        self._meminfo = settings.procfs_dir / "meminfo"
        self._models = settings.models_dir

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: the registry would read the board to learn the names."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Yield the series whose files can be read."""
        for family in (*self._npu(), *self._board()):
            if family.samples:
                yield family

    def _npu(self) -> Iterator[Metric]:
        yield labelled("rknpu_core_load_percent", "Load over the last second, 0 to 100.", "core", self._load())
        yield plain("rknpu_frequency_hertz", "Clock of the NPU.", number(self._npu_file("cur_freq")))
        yield plain("rknpu_frequency_max_hertz", "Highest clock the NPU can have.", self._highest())
        yield labelled(
            "rknpu_temperature_celsius", "Temperature of the NPU, or else of the chip.", "zone", self._temperatures()
        )
        yield plain("rknpu_power_on", "1 while the NPU is powered.", POWER.get(text(self._debug / "power")))
        yield labelled("rknpu_driver_info", "The kernel's NPU driver.", "version", dict.fromkeys(self._driver(), 1.0))

    def _board(self) -> Iterator[Metric]:
        memory = {name: float(kib) * 1024 for name, kib in MEMINFO.findall(text(self._meminfo))}
        yield plain("rkllm_ddr_frequency_hertz", "Clock of the memory.", number(self._devfreq / "dmc" / "cur_freq"))
        yield plain("rkllm_memory_available_bytes", "Available memory.", memory.get("MemAvailable"))
        yield plain("rkllm_memory_total_bytes", "Memory of the board.", memory.get("MemTotal"))
        free, size = disk(self._models)
        yield plain("rkllm_models_disk_available_bytes", "Free space on the file system with the models.", free)
        yield plain("rkllm_models_disk_size_bytes", "Size of the file system with the models.", size)

    def _load(self) -> Mapping[str, float]:
        found = text(self._debug / "load")
        one = ONE_CORE.search(found)
        cores = [("0", one[1])] if one else CORES.findall(found)
        return {core: float(load) for core, load in cores}

    def _npu_file(self, name: str) -> Path:
        """Return a file about the NPU's clock. The folder's name begins with an address, as in ``fdab0000.npu``."""
        folders = sorted(self._devfreq.glob("*.npu"))
        return (folders[0] if folders else self._devfreq / "npu") / name

    def _highest(self) -> float | None:
        # max_freq alone would not do: the kernel lowers it while it throttles.
        steps = [int(step) for step in text(self._npu_file("available_frequencies")).split() if step.isdecimal()]
        return float(max(steps)) if steps else number(self._npu_file("max_freq"))

    def _temperatures(self) -> Mapping[str, float]:
        """Return the zones called after the NPU, in degrees Celsius; where there is none, those of the whole chip."""
        files = sorted(self._thermal.glob("thermal_zone*/type"))
        zones = {text(file): number(file.with_name("temp")) for file in files}
        known = {zone: value / 1000 for zone, value in zones.items() if value is not None}
        npu = {zone: value for zone, value in known.items() if "npu" in zone}
        return npu or {zone: value for zone, value in known.items() if zone.startswith("soc")}

    def _driver(self) -> Iterable[str]:
        return VERSION.findall(text(self._debug / "version") or text(self._module / "version"))[:1]


def text(path: Path) -> str:
    """Return a file's text; empty where it cannot be read, for whatever reason."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def number(path: Path) -> float | None:
    """Return the integer in a file; None where there is none."""
    try:
        return float(int(text(path)))
    except ValueError:
        return None


def disk(path: Path) -> tuple[float | None, float | None]:
    """Return the bytes an ordinary user may still write where `path` is, and the size of that file system."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None, None
    return float(found.f_bavail * found.f_frsize), float(found.f_blocks * found.f_frsize)


def plain(name: str, help_text: str, value: float | None) -> Metric:
    """Return a gauge without labels, and without a sample where `value` is None."""
    return GaugeMetricFamily(name, help_text, value=value)


def labelled(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    """Return a gauge with a sample for each of `values`, by its label."""
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
