"""The bootstrap on faked machines: /sys, /proc and /dev in a folder, docker, curl and df as small programs."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from services.engines.rkllm.abi import SUPPORTED
from tests.engines import ROOT

LIBRARY = "\x7fELF RKLLM SDK (version: 1.2.3 (date)) code"


class Machine:
    """A computer to set up; a PC with 8 GB until a test says otherwise."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.project = folder / "project"
        shutil.copytree(ROOT / "scripts", self.project / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        self.log = folder / "calls.log"
        self.log.touch()
        self._bin = folder / "bin"
        self._bin.mkdir()
        for name in ("docker", "curl"):
            (self._bin / name).symlink_to(ROOT / f"tests/appliance/fake_{name}.sh")
        self.disk_gb(50)
        self.memory_mb(8000)

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        target.chmod(mode)

    def memory_mb(self, size: int) -> None:
        self.write("proc/meminfo", f"MemTotal:  {size * 1024} kB\n")

    def disk_gb(self, size: int) -> None:
        lines = f"Filesystem 1024-blocks Used Available\n/dev/x 1 1 {size * 1024 * 1024}\n"
        (self._bin / "df").write_text(f"#!/bin/sh\nprintf '%s' '{lines}'\n")
        (self._bin / "df").chmod(0o755)

    def drm_board(self, soc: str = "rk3588", driver: str = "0.9.8", mode: int = 0o660) -> None:
        """The NPU is DRM device 1; device 0 is the display, which must not be taken for it."""
        self.write("proc/device-tree/compatible", f"xunlong,orangepi-5-plus\0rockchip,{soc}\0")
        self.write("sys/module/rknpu/version", driver)
        self.write("sys/class/drm/card0/device/uevent", "DRIVER=rockchip-drm\n")
        self.write("sys/class/drm/card1/device/uevent", "DRIVER=RKNPU\n")
        self.write("sys/class/drm/card1/device/drm/renderD129/dev", "226:129")
        self.write("dev/dri/card1", "", mode)
        self.write("dev/dri/renderD129", "", mode)

    def heap_board(self) -> None:
        self.write("proc/device-tree/compatible", "radxa,rock-4d\0rockchip,rk3576\0")
        self.write("sys/module/rknpu/version", "0.9.7")
        self.write("dev/rknpu", "", 0o660)
        self.write("dev/dma_heap/system", "", 0o660)

    def own_library(self) -> None:
        (self.project / "runtime").mkdir()
        (self.project / "runtime/librkllmrt.so").write_text(LIBRARY)

    def run(self, *options: str, **fakes: object) -> subprocess.CompletedProcess[str]:
        """`fakes` become the variables that the faked programs read."""
        env = {
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "HOME": str(self.project),
            "APPLIANCE_ROOT": str(self.root),
            "FAKE_LOG": str(self.log),
            **{name.upper(): str(value) for name, value in fakes.items()},
        }
        command = ["bash", "scripts/bootstrap.sh", "--unattended", *options]
        return subprocess.run(command, cwd=self.project, env=env, capture_output=True, text=True, check=False)

    def settings(self) -> dict[str, str]:
        path = self.project / ".env"
        lines = path.read_text().splitlines() if path.exists() else []
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def refused(done: subprocess.CompletedProcess[str], *told: str) -> None:
    """It ended with found, needed and a remedy, and with no other error."""
    assert done.returncode == 1, done.stdout + done.stderr
    for word in ("error: found", "needed", "do this", *told):
        assert word in done.stderr


def test_a_pc_gets_the_cpu_engine(machine: Machine) -> None:
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert "It uses the CPU engine" in done.stdout
    assert "Ready: http://127.0.0.1:3000" in done.stdout
    assert "COMPOSE_FILE" not in machine.settings()
    assert machine.settings()["API_MEMORY"] == "5g"


def test_an_rk3588_with_drm(machine: Machine) -> None:
    machine.drm_board()
    machine.own_library()
    done = machine.run()
    assert done.returncode == 0, done.stderr
    settings = machine.settings()
    assert settings["COMPOSE_FILE"] == "compose.yaml:compose.npu.yaml"
    assert settings["NPU_DEVICE"] == "/dev/dri"
    assert settings["NPU_GROUP"] == str(os.stat(machine.root / "dev/dri/renderD129").st_gid)
    assert "RK3588 with DRM driver 0.9.8" in done.stdout


def test_an_rk3576_with_dma_heap(machine: Machine) -> None:
    machine.heap_board()
    machine.own_library()
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert machine.settings()["NPU_DEVICE"] == "/dev/rknpu"
    assert machine.settings()["NPU_MEMORY_DEVICE"] == "/dev/dma_heap"
    assert "0.9.8" in done.stderr, "0.9.7 works, but its owner is told what is asked for"


def test_the_cpu_can_be_chosen_on_a_board(machine: Machine) -> None:
    machine.drm_board()
    machine.own_library()
    assert machine.run().returncode == 0
    done = machine.run("--cpu")
    assert done.returncode == 0, done.stderr
    assert machine.settings()["COMPOSE_FILE"] == "compose.yaml"


def test_an_old_driver(machine: Machine) -> None:
    machine.drm_board(driver="0.8.2")
    refused(machine.run(), "0.8.2", "0.9.6", "--cpu")


def test_a_node_that_no_group_may_use(machine: Machine) -> None:
    machine.drm_board(mode=0o600)
    refused(machine.run(), "/dev/dri/renderD129", "600", "99-rknpu.rules")


def test_a_board_without_the_vendor_kernel(machine: Machine) -> None:
    machine.write("proc/device-tree/compatible", "radxa,rock-5b\0rockchip,rk3588\0")
    refused(machine.run(), "without an NPU device", "5.10 or 6.1")
    (machine.root / "sys/module/rocket").mkdir(parents=True)
    refused(machine.run(), "rocket")


def test_too_little_memory(machine: Machine) -> None:
    machine.memory_mb(1900)
    refused(machine.run(), "1900 MB", "3500 MB")


@pytest.mark.parametrize(("size", "limit"), [(3900, "2g"), (7900, "5g"), (15800, "11g"), (31900, "23g")])
def test_memory_limits_fit_the_machine(machine: Machine, size: int, limit: str) -> None:
    machine.memory_mb(size)
    machine.run()
    assert machine.settings()["API_MEMORY"] == limit


def test_a_full_disk(machine: Machine) -> None:
    machine.disk_gb(2)
    refused(machine.run(), "2 GB free", "6 GB")


def test_no_permission_to_use_docker(machine: Machine) -> None:
    refused(machine.run(fake_no_daemon=1), "permission denied", "usermod -aG docker")


@pytest.mark.parametrize(
    ("fakes", "told"), [({"fake_docker_version": "19.03.1"}, "19.03.1"), ({"fake_compose_version": "2.17.3"}, "2.17.3")]
)
def test_old_programs(machine: Machine, fakes: dict[str, str], told: str) -> None:
    refused(machine.run(**fakes), told)


def test_no_network(machine: Machine) -> None:
    refused(machine.run(fake_pull=1), "images", "--offline")
    assert "compose up" not in machine.log.read_text()


def test_offline_names_the_image_that_is_missing(machine: Machine) -> None:
    refused(machine.run("--offline", fake_missing_image=1), "two:1", "docker load")
    assert machine.run("--offline").returncode == 0
    assert "compose pull" not in machine.log.read_text()


def test_offline_without_the_library(machine: Machine) -> None:
    machine.drm_board()
    refused(machine.run("--offline"), "librkllmrt.so", "--runtime FILE")


def test_an_interrupted_download_goes_on(machine: Machine) -> None:
    machine.drm_board()
    release = expect(machine, LIBRARY)
    refused(machine.run(fake_body=LIBRARY[:9], fake_curl=56), "continues where it stopped")
    done = machine.run(fake_body=LIBRARY[9:])
    assert done.returncode == 0, done.stderr
    assert (machine.project / "runtime/librkllmrt.so").read_text() == LIBRARY
    assert "--continue-at" in machine.log.read_text()
    assert release in machine.log.read_text()


def test_a_wrong_checksum(machine: Machine) -> None:
    machine.drm_board()
    refused(machine.run(fake_body="something else"), "the wrong checksum", "git blob 0084abc3")
    assert not list((machine.project / "runtime").glob("lib*")), "it is neither kept nor gone on with"


def test_a_library_of_the_owner(machine: Machine, tmp_path: Path) -> None:
    machine.drm_board()
    (tmp_path / "mine.so").write_text(LIBRARY)
    done = machine.run("--runtime", str(tmp_path / "mine.so"))
    assert done.returncode == 0, done.stderr
    assert (machine.project / "runtime/librkllmrt.so").read_text() == LIBRARY
    (tmp_path / "pointer.so").write_text("version https://git-lfs.github.com/spec/v1")
    refused(machine.run("--runtime", str(tmp_path / "pointer.so")), "Git LFS pointer")


def test_a_second_run_changes_nothing(machine: Machine) -> None:
    machine.drm_board()
    machine.own_library()
    machine.run()
    before = (machine.project / ".env").stat().st_mtime_ns
    done = machine.run()
    assert done.returncode == 0
    assert (machine.project / ".env").stat().st_mtime_ns == before
    assert ".env:" not in done.stdout


def test_what_the_owner_wrote_stays(machine: Machine) -> None:
    (machine.project / ".env").write_text("API_MEMORY=3g\nBIND_ADDRESS=192.0.2.7\nWEBUI_PORT=3999\n")
    done = machine.run()
    assert machine.settings()["API_MEMORY"] == "3g"
    assert "http://192.0.2.7:3999" in done.stdout


def test_a_dry_run_changes_nothing(machine: Machine) -> None:
    machine.drm_board()
    done = machine.run("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "would run: docker compose up" in done.stdout
    assert not (machine.project / ".env").exists()
    assert not (machine.project / "runtime").exists()
    assert "compose up" not in machine.log.read_text()
    assert "curl" not in machine.log.read_text()


def test_an_unhealthy_start_and_a_dumb_model_are_reported(machine: Machine) -> None:
    refused(machine.run(fake_up=1), "does not become healthy")
    refused(machine.run(fake_chat=1), "does not answer a chat")
    done = machine.run(fake_search=1)
    assert done.returncode == 0
    assert "web search found nothing" in done.stderr


def test_the_api_is_published_on_request_only(machine: Machine) -> None:
    machine.run("--publish-api")
    assert machine.settings()["COMPOSE_FILE"] == "compose.yaml:compose.api.yaml"


def test_the_doctor_finds_everything_at_once(machine: Machine) -> None:
    machine.memory_mb(1000)
    machine.drm_board(driver="0.8.2")
    done = machine.run("--doctor")
    assert done.returncode == 1
    assert "1000 MB" in done.stderr
    assert "0.8.2" in done.stderr
    assert not (machine.project / ".env").exists()


def test_the_doctor_changes_nothing(machine: Machine) -> None:
    done = machine.run("--doctor")
    assert done.returncode == 0, done.stderr
    assert not (machine.project / ".env").exists()


def test_the_doctor_looks_at_the_running_box(machine: Machine) -> None:
    assert machine.run("--doctor", fake_state="api running healthy 0").returncode == 0
    refused(machine.run("--doctor", fake_state="api running unhealthy 0"), "api: running unhealthy", "logs api")
    assert machine.run("--doctor", fake_state="api running healthy 0", fake_chat=1).returncode == 1


def test_uninstall(machine: Machine) -> None:
    machine.drm_board()
    machine.own_library()
    machine.run()
    assert machine.run("--uninstall").returncode == 0
    assert "--volumes" not in machine.log.read_text()
    assert (machine.project / ".env").exists()
    assert machine.run("--uninstall", "--purge").returncode == 0
    assert "--volumes" in machine.log.read_text()
    assert not (machine.project / ".env").exists()
    assert not (machine.project / "runtime").exists()
    assert (machine.project / "models").exists()


def test_an_unknown_option(machine: Machine) -> None:
    done = machine.run("--unatended")
    assert done.returncode == 2
    assert "error: found   the argument --unatended" in done.stderr
    assert "--unattended" in done.stderr, "it says what there is"


def test_every_release_with_a_checksum_is_supported_and_in_the_help() -> None:
    step, program = ((ROOT / "scripts" / name).read_text() for name in ("steps/runtime.sh", "bootstrap.sh"))
    found = re.findall(r"^ +([0-9.]+)\) echo [0-9a-f]{40} ;;$", step, re.MULTILINE)
    assert found
    assert set(found) <= set(SUPPORTED)
    (refusal,) = re.findall(r"the unknown runtime version .*", step)
    (line,) = re.findall(r"--runtime-version V .*", program)
    for text in (refusal, line):
        assert set(re.findall(r"\d+\.\d+\.\d+", text)) == set(found)


def expect(machine: Machine, content: str) -> str:
    """Let the bootstrap expect this content of the default release; returns how that is written in its URL."""
    body = content.encode()
    blob = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
    step = machine.project / "scripts/steps/runtime.sh"
    step.write_text(step.read_text().replace("0084abc34ab43359cfa9fd5d4c92ece34127dbd0", blob))
    return "release-v1.2.3"
