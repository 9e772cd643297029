"""Fetching models: the manifest, a hub that is whole, broken or lying, a folder instead of it, and what is kept."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from services.core.settings import Settings
from services.engines.registry import SUFFIXES
from services.models import __main__ as cli
from services.models import board, manifest
from services.models.catalog import Catalog
from services.models.store import Store
from tests.appliance.fake_hub import Hub
from tests.engines import ROOT

MODEL = bytes(range(256)) * 4096
CHECKSUM = hashlib.sha256(MODEL).hexdigest()
ENTRY: dict[str, Any] = {
    "id": "tiny",
    "name": "Tiny",
    "repository": "somebody/tiny",
    "file": "tiny.rkllm",
    "sha256": CHECKSUM,
    "size": len(MODEL),
    "soc": "any",
    "memory": 10,
    "context_length": 2048,
    "tokenizer": ["tokenizer.json", "missing.json"],
    "licence": "mit",
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()
    found.files = {"somebody/tiny/tiny.rkllm": MODEL, "somebody/tiny/tokenizer.json": b"{}"}
    yield found
    found.end()


class Box:
    """The program with a manifest, a models folder and a hub of its own."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.models = folder / "models"
        self._manifest = folder / "models.yaml"
        self._env = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf"), "RKLLM_MODELS_DIR": ""}
        self.entry()

    def entry(self, **changed: Any) -> None:
        self._manifest.write_text(yaml.safe_dump({"models": [{**ENTRY, **changed}]}))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "services.models", "--models-dir", str(self.models)]
        command += ["--manifest", str(self._manifest), *arguments]
        return subprocess.run(command, cwd=ROOT, env=self._env, capture_output=True, text=True, check=False)

    def refused(self, *arguments: str) -> str:
        """What it said; it was one sentence, and nothing looks like a model afterwards."""
        done = self.run(*arguments)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        assert not (self.models / "tiny").exists()
        return done.stderr.splitlines()[-1]


@pytest.fixture
def box(tmp_path: Path, hub: Hub) -> Box:
    return Box(tmp_path, hub)


def test_a_model_is_fetched_verified_and_served(box: Box) -> None:
    done = box.run("add", "tiny")
    assert done.returncode == 0, done.stderr
    assert CHECKSUM in done.stdout
    assert sorted(path.name for path in (box.models / "tiny").iterdir()) == [
        ".fetched.json",
        "model.yaml",
        "tiny.rkllm",
        "tokenizer.json",
    ]
    model = Catalog(Settings(models_dir=box.models), SUFFIXES).resolve("tiny")
    assert (model.name, model.context_length) == ("Tiny", 2048)
    assert "tiny: whole" in box.run("verify").stdout
    assert "fetched  tiny" in box.run("list").stdout


def test_a_file_in_a_folder_of_its_repository_is_served(box: Box, hub: Hub) -> None:
    hub.files["somebody/tiny/RK3576/deep/tiny.rkllm"] = MODEL
    box.entry(file="RK3576/deep/tiny.rkllm")
    done = box.run("add", "tiny")
    assert done.returncode == 0, done.stderr
    (model,) = Catalog(Settings(models_dir=box.models), SUFFIXES).models()
    assert (model.id, model.name) == ("tiny", "Tiny")
    assert not (box.models / "tiny/RK3576").exists()
    assert "tiny: whole" in box.run("verify").stdout


def test_an_interrupted_download_goes_on_where_it_stopped(box: Box, hub: Hub) -> None:
    """Large, since the hub's client writes blocks of 10 MB."""
    large = MODEL * 24
    hub.files["somebody/tiny/tiny.rkllm"] = large
    box.entry(sha256=hashlib.sha256(large).hexdigest(), size=len(large))
    hub.cut = 15 * 1024 * 1024
    assert "continues where it stopped" in box.refused("add", "tiny")
    hub.cut = None
    done = box.run("add", "tiny")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"bytes=[1-9]\d{6,}-.*", hub.ranges[-1]), "it asked for the rest alone"
    assert (box.models / "tiny/tiny.rkllm").read_bytes() == large


def test_a_wrong_checksum_is_not_installed(box: Box) -> None:
    box.entry(sha256="0" * 64)
    assert "needed is 0000" in box.refused("add", "tiny")


def test_without_a_checksum_the_hubs_own_counts(box: Box, hub: Hub) -> None:
    box.entry(sha256=None)
    hub.out_of_turn = True
    assert CHECKSUM in box.refused("add", "tiny")
    hub.out_of_turn = False
    done = box.run("add", "tiny")
    assert done.returncode == 0, done.stderr
    assert "as the hub reports it" in done.stdout


def test_no_network_is_one_sentence(box: Box, hub: Hub) -> None:
    hub.files.clear()
    assert "somebody/tiny" in box.refused("add", "tiny")


def test_a_folder_instead_of_the_hub(box: Box, hub: Hub, tmp_path: Path) -> None:
    hub.files.clear()
    (tmp_path / "stick").mkdir()
    assert "tiny.rkllm" in box.refused("add", "tiny", "--from", str(tmp_path / "stick"))
    (tmp_path / "stick/tiny.rkllm").write_bytes(MODEL)
    assert box.run("add", "tiny", "--from", str(tmp_path / "stick")).returncode == 0


def test_a_model_of_another_soc_is_refused_with_the_reason(box: Box) -> None:
    box.entry(soc="rk3588")
    assert "converted for RK3588" in box.refused("add", "tiny")
    assert box.run("add", "tiny", "--any-soc").returncode == 0


def test_a_full_disk_is_reported_before_the_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**6))
    entry = manifest.load_manifest(ROOT / "models.yaml")["qwen3-4b-rk3588"]
    with pytest.raises(manifest.ManifestError, match=r"needs 5\.5 GB .* 0\.0 GB are free"):
        Store(tmp_path).check_space(entry, 0)


@pytest.mark.parametrize("name", ["../evil.rkllm", "/etc/passwd", "a/../../b", "a\\b", ""])
def test_files_stay_in_their_folder(box: Box, name: str) -> None:
    box.entry(file=name)
    assert "leaves its folder" in box.refused("add", "tiny")


@pytest.mark.parametrize("name", ["..", ".", "", "../tiny", "/etc"])
def test_only_fetched_models_are_removed(box: Box, name: str) -> None:
    box.run("add", "tiny")
    done = box.run("remove", name)
    assert done.returncode == 1
    assert (box.models / "tiny/tiny.rkllm").exists()


def test_what_the_owner_placed_is_not_removed(box: Box) -> None:
    (box.models / "tiny").mkdir(parents=True)
    (box.models / "tiny/mine.gguf").write_bytes(b"mine")
    done = box.run("remove", "tiny")
    assert "by hand" in done.stderr
    assert "already a folder" in box.run("add", "tiny").stderr
    assert (box.models / "tiny/mine.gguf").exists()


def test_a_file_of_the_owner_in_a_fetched_folder_stays(box: Box) -> None:
    box.run("add", "tiny")
    (box.models / "tiny/notes.txt").write_text("mine")
    done = box.run("remove", "tiny")
    assert done.returncode == 0
    assert "notes.txt" in done.stdout
    assert [path.name for path in (box.models / "tiny").iterdir()] == ["notes.txt"]


def test_a_broken_receipt_is_none(box: Box) -> None:
    box.run("add", "tiny")
    (box.models / "tiny/.fetched.json").write_text('{"file": "../../x", "sha256": ""}')
    assert "by hand" in box.run("remove", "tiny").stderr
    assert "fetched " not in box.run("list").stdout


def test_damage_is_found_and_removed(box: Box) -> None:
    box.run("add", "tiny")
    (box.models / "tiny/tiny.rkllm").write_bytes(MODEL[:-1] + b"!")
    assert "damaged" in box.run("verify", "tiny").stderr
    assert box.run("remove", "tiny").returncode == 0
    assert not (box.models / "tiny").exists()


def test_an_unknown_id_gets_the_nearest(box: Box) -> None:
    assert "'tiny'" in box.refused("add", "tinny")


@pytest.mark.parametrize("broken", [{"id": "Not Valid"}, {"soc": "rk9999"}, {"repository": "../x"}, {"unknown": 1}])
def test_a_wrong_manifest_is_one_sentence(box: Box, broken: dict[str, Any]) -> None:
    box.entry(**broken)
    assert "cannot be used" in box.refused("list")


def test_our_manifest_is_right(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    cli.main(["--models-dir", str(tmp_path), "list"])
    assert "qwen3-1.7b-rk3588" in capsys.readouterr().out
    for entry in manifest.load_manifest(ROOT / "models.yaml").values():
        assert entry.memory * 1e6 > entry.size
        assert entry.soc == "any" or entry.soc in entry.file.lower()


def test_the_board_is_read_from_its_device_tree(tmp_path: Path) -> None:
    assert board.soc(tmp_path) == ""
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/compatible").write_text("radxa,rock-4d\0rockchip,rk3576\0")
    (tmp_path / "proc/meminfo").write_text("MemTotal:  4096000 kB\n")
    assert board.soc(tmp_path) == "rk3576"
    assert board.memory_mb(tmp_path) == 4000
