"""The board's figures, from trees of files as the kernels of several chips lay them out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.core.settings import Settings
from services.engines.npu.sensors import BoardCollector
from tests.board_files import ONE_CORE, RK3576, RK3588, write_tree

Series = dict[str, float]


def read(folder: Path, tree: Mapping[str, str]) -> Series:
    """Every sample that the collector yields for `tree`, but for the disk's."""
    write_tree(folder, tree)
    return scraped(folder)


def scraped(folder: Path) -> Series:
    registry = CollectorRegistry()
    settings = Settings(
        npu_debug_dir=folder / "debug", sysfs_dir=folder / "sys", procfs_dir=folder / "proc", models_dir=folder / "none"
    )
    registry.register(BoardCollector(settings))
    return {
        sample.name + "".join(f"/{value}" for value in sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def test_rk3588(tmp_path: Path) -> None:
    assert read(tmp_path, RK3588) == {
        "rknpu_core_load_percent/0": 42,
        "rknpu_core_load_percent/1": 7,
        "rknpu_core_load_percent/2": 0,
        "rknpu_frequency_hertz": 3e8,
        "rknpu_frequency_max_hertz": 1e9,
        "rknpu_temperature_celsius/npu-thermal": 43.461,
        "rknpu_power_on": 1,
        "rknpu_driver_info/0.9.8": 1,
        "rkllm_ddr_frequency_hertz": 2.112e9,
        "rkllm_memory_available_bytes": 12000000 * 1024,
        "rkllm_memory_total_bytes": 16265452 * 1024,
    }


def test_rk3576(tmp_path: Path) -> None:
    assert read(tmp_path, RK3576) == {
        "rknpu_core_load_percent/0": 99,
        "rknpu_core_load_percent/1": 100,
        "rknpu_frequency_hertz": 9.5e8,
        "rknpu_frequency_max_hertz": 9.5e8,
        "rknpu_temperature_celsius/npu_thermal": -1.5,
        "rknpu_power_on": 0,
        "rknpu_driver_info/0.9.7": 1,
    }


def test_a_chip_with_one_core_and_no_sensor_at_the_npu(tmp_path: Path) -> None:
    assert read(tmp_path, ONE_CORE) == {
        "rknpu_core_load_percent/0": 7,
        "rknpu_frequency_hertz": 6e8,
        "rknpu_temperature_celsius/soc-thermal": 55,
    }


def test_a_computer_without_an_npu_has_no_series_of_one(tmp_path: Path) -> None:
    assert scraped(tmp_path) == {}


@pytest.mark.parametrize("missing", sorted(RK3588))
def test_a_missing_file_costs_its_own_series_alone(tmp_path: Path, missing: str) -> None:
    whole = read(tmp_path / "whole", RK3588)
    found = read(tmp_path / "part", {name: text for name, text in RK3588.items() if name != missing})
    assert found.items() <= {**whole, "rknpu_frequency_max_hertz": found.get("rknpu_frequency_max_hertz", 0),
                             "rknpu_temperature_celsius/soc-thermal": 41.0}.items()  # fmt: skip
    assert len(found) >= len(whole) - 3


@pytest.mark.parametrize("name", sorted(RK3588))
def test_a_format_nobody_knows_is_an_absent_series(tmp_path: Path, name: str) -> None:
    for content in ("", "\n", "garbage \x00", "Core: %", "99999999999999999999x", "NPU load: %"):
        assert read(tmp_path, {name: content}) == {}, repr(content)


def test_an_unreadable_file_is_an_absent_series(tmp_path: Path) -> None:
    (tmp_path / "debug" / "load").mkdir(parents=True)
    (tmp_path / "proc" / "meminfo").mkdir(parents=True)
    assert scraped(tmp_path) == {}


def test_the_files_are_read_at_every_scrape(tmp_path: Path) -> None:
    assert read(tmp_path, ONE_CORE)["rknpu_core_load_percent/0"] == 7
    assert read(tmp_path, {"debug/load": "NPU load:  8%\n"})["rknpu_core_load_percent/0"] == 8


def test_the_disk_is_that_of_the_models(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    registry.register(BoardCollector(Settings(models_dir=tmp_path)))
    free = registry.get_sample_value("rkllm_models_disk_available_bytes")
    size = registry.get_sample_value("rkllm_models_disk_size_bytes")
    assert free is not None
    assert size is not None
    assert 0 <= free <= size
