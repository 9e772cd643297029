"""The files in which a Rockchip kernel tells of its NPU, written where a test wants them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

RK3588 = {
    "debug/load": "NPU load:  Core0: 42%, Core1:  7%, Core2:  0%,\n",
    "debug/version": "RKNPU driver: v0.9.8\n",
    "debug/power": "on\n",
    "sys/class/devfreq/fdab0000.npu/cur_freq": "300000000\n",
    "sys/class/devfreq/fdab0000.npu/max_freq": "600000000\n",
    "sys/class/devfreq/fdab0000.npu/available_frequencies": "300000000 600000000 1000000000\n",
    "sys/class/devfreq/fb000000.gpu/cur_freq": "1\n",
    "sys/class/devfreq/dmc/cur_freq": "2112000000\n",
    "sys/class/thermal/thermal_zone0/type": "soc-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "41000\n",
    "sys/class/thermal/thermal_zone6/type": "npu-thermal\n",
    "sys/class/thermal/thermal_zone6/temp": "43461\n",
    "proc/meminfo": "MemTotal:       16265452 kB\nMemFree:          100 kB\nMemAvailable:   12000000 kB\n",
}
RK3576 = {
    "debug/load": "NPU load:  Core0: 99%, Core1: 100%,\n",
    "sys/module/rknpu/version": "0.9.7\n",
    "debug/power": "off\n",
    "sys/class/devfreq/27700000.npu/cur_freq": "950000000\n",
    "sys/class/devfreq/27700000.npu/max_freq": "950000000\n",
    "sys/class/thermal/thermal_zone3/type": "npu_thermal\n",
    "sys/class/thermal/thermal_zone3/temp": "-1500\n",
}
ONE_CORE = {
    "debug/load": "NPU load:  7%\n",
    "sys/class/devfreq/fde40000.npu/cur_freq": "600000000\n",
    "sys/class/thermal/thermal_zone0/type": "soc-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "55000\n",
    "sys/class/thermal/thermal_zone1/type": "gpu-thermal\n",
    "sys/class/thermal/thermal_zone1/temp": "56000\n",
}


def write_tree(folder: Path, tree: Mapping[str, str]) -> dict[str, Path]:
    """Write `tree` below `folder`; returns the settings that lead there."""
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return {"npu_debug_dir": folder / "debug", "sysfs_dir": folder / "sys", "procfs_dir": folder / "proc"}
