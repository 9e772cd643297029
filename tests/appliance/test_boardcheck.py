"""The board check over trees that look like boards, healthy and not."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from services.boardcheck import devices
from services.boardcheck.checks import Board, run_checks
from services.boardcheck.finding import Finding, format_report, is_fit
from tests.engines import ROOT
from tests.simulator import build

MIB = 1 << 20


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def runtime(root: Path, release: str, made: str = build.NEWEST) -> Path:
    """Write the simulated runtime `made`, named `release`."""
    data = build.library(made).read_bytes().replace(f"version: {made}".encode(), f"version: {release}".encode())
    return write_bytes(root / "usr/lib/librkllmrt.so", data)


def write_bytes(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def model(root: Path, name: str, size: int = 1000) -> Path:
    path = write(root / "models" / name, "")
    os.truncate(path, size)
    return path


def driver_query(answers: dict[str, tuple[str, str] | int]) -> devices.DriverQuery:
    """Return a query that answers for each node with a driver and its version, or an error number."""

    def query(node: Path) -> tuple[str, str]:
        answer = answers[node.name]
        if isinstance(answer, int):
            raise OSError(answer, os.strerror(answer))
        return answer

    return query


@pytest.fixture
def board(tmp_path: Path) -> Board:
    """An RK3588 with a DRM kernel on which nothing is wrong."""
    write(tmp_path / "proc/device-tree/compatible", "radxa,rock-5b\0rockchip,rk3588\0")
    write(tmp_path / "proc/version", "Linux version 6.1.75-vendor (gcc) #1 SMP")
    write(tmp_path / "proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable:    6000000 kB\n")
    for name in ("card0", "card1", "renderD128", "renderD129"):
        write(tmp_path / "dev/dri" / name, "")
    for name in ("fdab0000.npu", "dmc"):
        write(tmp_path / "sys/class/devfreq" / name / "governor", "performance\n")
    for number in (0, 4, 6):
        write(tmp_path / f"sys/devices/system/cpu/cpufreq/policy{number}/scaling_governor", "performance\n")
    runtime(tmp_path, "1.2.3", "1.2.3")
    npu, display = ("rknpu", "0.9.8"), ("rockchip", "3.0.0")
    query = driver_query({"card0": display, "card1": npu, "renderD128": display, "renderD129": npu})
    return Board(tmp_path, query, 65536, models=[model(tmp_path, "Qwen3-1.7B-rk3588-w8a8.rkllm", 2000 * MIB)])


def troubles(board: Board) -> dict[str, Finding]:
    """Whatever is not good, by name."""
    return {finding.name: finding for finding in run_checks(board) if finding.level != "good"}


def test_a_healthy_board_has_nothing_to_mend(board: Board) -> None:
    assert troubles(board) == {}
    text = format_report(run_checks(board))
    assert "RK3588" in text
    assert "card1" in text
    assert "card0" not in text
    assert "remedy" not in text


def test_an_rk3576_with_a_dma_heap_kernel(board: Board) -> None:
    write(board.root / "proc/device-tree/compatible", "rockchip,rk3576-evb\0rockchip,rk3576\0")
    for node in (board.root / "dev/dri").iterdir():
        node.unlink()
    write(board.root / "dev/rknpu", "")
    query = driver_query({"rknpu": ("rknpu", "0.9.8")})
    other = replace(board, query_driver=query, models=[model(board.root, "Qwen3-0.6B-rk3576-w4a16.rkllm")])
    assert troubles(other) == {}
    assert "DMA-heap kernel" in format_report(run_checks(other))


Change = Callable[[Board], Board]


def without_devices(board: Board) -> Board:
    for node in (board.root / "dev/dri").iterdir():
        node.unlink()
    return board


def linked(board: Board) -> Board:
    (board.root / "dev/rknpu").symlink_to("dri/renderD129")
    answers: dict[str, tuple[str, str] | int] = {
        "rknpu": errno.ENOTTY,
        "card0": ("rockchip", "3"),
        "card1": ("rknpu", "0.9.8"),
    }
    return replace(
        board, query_driver=driver_query({**answers, "renderD128": ("panfrost", "1"), "renderD129": ("rknpu", "0.9.8")})
    )


def denied(board: Board) -> Board:
    return replace(
        board, query_driver=driver_query(dict.fromkeys(("card0", "card1", "renderD128", "renderD129"), errno.EACCES))
    )


def old_driver(version: str) -> Change:
    npu, display = ("rknpu", version), ("rockchip", "3.0.0")
    query = driver_query({"card0": display, "card1": npu, "renderD128": display, "renderD129": npu})
    return lambda board: replace(board, query_driver=query)


def written(path: str, text: str) -> Change:
    def change(board: Board) -> Board:
        write(board.root / path, text)
        return board

    return change


def with_model(name: str, size: int = 1000) -> Change:
    return lambda board: replace(board, models=[model(board.root, name, size)])


def with_runtime(release: str, layout: str = "") -> Change:
    def change(board: Board) -> Board:
        runtime(board.root, release, "1.3.1")
        return replace(board, layout=layout)

    return change


NAMED = "\x7fELF.. RKLLM SDK (version: 1.2.3 (abcdef), build: x)"
ARMHF = "\x7fELF\x01\x01\x01" + "\0" * 9 + "\x03\0\x28\0\x01" + "\0" * 40 + NAMED


CASES: list[tuple[Change, str, str, str, str]] = [
    (written("proc/device-tree/compatible", "raspberrypi,4\0"), "chip", "bad", "RK3576", "systempaths=unconfined"),
    (written("sys/module/rocket/version", ""), "kernel", "bad", "rocket", "vendor kernel"),
    (without_devices, "device", "bad", "/dev/rknpu", "--device /dev/dri"),
    (linked, "device", "bad", "link to dri/renderD129", "remove it"),
    (denied, "permission", "bad", "Permission denied", "usermod -aG"),
    (old_driver("0.8.2"), "driver", "bad", "0.9.8 or newer", "update the kernel"),
    (old_driver("0.9.6"), "driver", "slow", "0.9.8 or newer", "update the kernel"),
    (lambda board: replace(board, open_files=1024), "open files", "slow", "1024", "ulimit -n 4096"),
    (
        written("sys/class/devfreq/fdab0000.npu/governor", "rknpu_ondemand\n"), "NPU clock", "slow", "rknpu_ondemand",
        "tee /sys/class/devfreq/fdab0000.npu/governor",
    ),
    (
        written("sys/devices/system/cpu/cpufreq/policy4/scaling_governor", "ondemand\n"), "CPU clocks", "slow",
        "ondemand, performance", "policy4/scaling_governor",
    ),
    (with_runtime("1.1.4"), "runtime", "bad", "release 1.1.4", "rknn-llm repository"),
    (written("usr/lib/librkllmrt.so", "version https://git-lfs"), "runtime", "bad", "no readable", "rknn-llm"),
    (written("usr/lib/librkllmrt.so", NAMED), "runtime", "bad", "file too short", "rknn-llm"),
    (written("usr/lib/librkllmrt.so", ARMHF), "runtime", "bad", "ELFCLASS32", "rknn-llm"),
    (with_runtime("1.3.1"), "runtime", "unknown", "used with the layouts of 1.3.0", "name a model to this check"),
    (with_runtime("1.3.9"), "runtime", "bad", "release 1.3.9", "rknn-llm repository"),
    (with_runtime("1.3.9", "1.3.0"), "runtime", "unknown", "used with the layouts of 1.3.0", "name a model"),
    (lambda board: replace(board, problems=["x.rkllm is empty."]), "model", "bad", "x.rkllm is empty", "what it says"),
    (with_model("Qwen3-rk3576.rkllm"), "model", "bad", "a model converted for RK3588", "fetch the one"),
    (with_model("big-rk3588.rkllm", 6000 * MIB), "model", "bad", "6600 MiB for big", "smaller model"),
    (with_model("DeepSeek-R1-Distill-Qwen-1.5B.rkllm"), "model", "slow", "runtime 1.2.3", "1.2.2 works"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "name", "level", "said", "remedy"), CASES)
def test_what_is_wrong_is_named_with_its_remedy(
    board: Board, change: Change, name: str, level: str, said: str, remedy: str
) -> None:
    changed = change(board)
    found = troubles(changed)
    assert found[name].level == level
    assert said in f"{found[name].found} {found[name].needed}"
    assert remedy in found[name].remedy
    assert is_fit(run_checks(changed)) == (level != "bad")


def test_a_permission_names_the_group_of_the_node(board: Board) -> None:
    group = (board.root / "dev/dri/card1").stat().st_gid
    assert f"--group-add {group}" in troubles(denied(board))["permission"].remedy


def test_without_permission_the_version_comes_from_a_file(board: Board) -> None:
    write(board.root / "sys/kernel/debug/rknpu/version", "RKNPU driver: v0.9.7\n")
    assert troubles(denied(board))["driver"].found == "rknpu 0.9.7"


def test_a_version_that_nothing_tells_is_unknown(board: Board) -> None:
    assert troubles(denied(board))["driver"].level == "unknown"


def test_a_folder_of_runtimes_is_looked_at_whole(board: Board) -> None:
    other = replace(board, library=str(build.folder()))
    found = [finding for finding in run_checks(other) if finding.name == "runtime"]
    assert [(finding.level, finding.found[-5:]) for finding in found] == [("good", name) for name in build.RELEASES]


def test_a_missing_runtime_is_named_with_its_place(board: Board) -> None:
    assert "/no/such/file" in troubles(replace(board, library="/no/such/file"))["runtime"].found


def test_an_empty_root_is_a_report_too(tmp_path: Path) -> None:
    assert not is_fit(run_checks(Board(tmp_path, driver_query({}), 65536)))


def test_the_kernels_struct_has_the_size_that_the_request_number_says() -> None:
    assert ctypes.sizeof(devices.DrmVersion) == devices.DRM_IOCTL_VERSION >> 16 & 0x3FFF


def test_a_node_that_is_no_device_is_an_error_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for name in ("rknpu", "card0"):
        assert devices.inspect_node(write(tmp_path / name, ""), devices.query_driver).error
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_library_that_ends_the_process_is_no_good_one(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.boardcheck.runtime.LOAD", "import os; os.abort()")
    assert "cannot be used: signal SIGABRT" in troubles(board)["runtime"].found


def test_a_library_that_does_not_come_back_is_no_good_one(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.boardcheck.runtime.LOAD", "import time; time.sleep(600)")
    monkeypatch.setattr("services.boardcheck.runtime.LOAD_TIMEOUT", 0.1)
    assert "did not load within 0 s" in troubles(board)["runtime"].found


def test_the_command_reports_and_its_exit_code_tells(tmp_path: Path) -> None:
    write(tmp_path / "empty" / "x.rkllm", "")
    write(tmp_path / "pointer" / "x.rkllm", "version https://git-lfs.github.com/spec/v1")
    env = {**os.environ, "RKLLM_MODELS_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "services.boardcheck"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert "chip: " in done.stdout
    assert "x.rkllm is empty" in done.stdout
    assert "x.rkllm is a Git LFS pointer" in done.stdout
    assert done.returncode == ("bad " in done.stdout)
    env["RKLLM_PORT"] = "many"
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, "RKLLM_PORT" in done.stderr) == (1, True)
