"""Every script says how it is used, and refuses what it does not take, before it does anything."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import ROOT

SHELL = [
    str(path.relative_to(ROOT))
    for pattern in ("scripts/*.sh", "tests/*/*.sh")
    for path in sorted(ROOT.glob(pattern))
    if path.stat().st_mode & stat.S_IXUSR and not path.name.startswith("fake_")
]
PYTHON = [
    str(path.relative_to(ROOT))
    for path in sorted(ROOT.glob("scripts/*.py"))
    if 'if __name__ == "__main__":' in path.read_text()
]
PASSED_ON = {"scripts/keys.sh": "-m services.keys", "scripts/models.sh": "models"}
"""Scripts whose arguments go to a program in a container, with what stands before them there."""
NEEDED = {"make_secrets": "folder", "place_embedder": "folder", "place_model": "folder", "try_it": "chat"}
"""Arguments without which argparse looks at no other."""

CHANGELOG = """\
# Changelog

## Unreleased

## 7.8.9 - 2030-01-02

### Added
- Wings.

## 7.8.8 - 2030-01-01

- Feathers.
"""


class Copy:
    """The scripts in a folder of their own, with a `docker` that only writes down its calls."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.project.mkdir()
        for name in ("scripts", "services", "tests"):
            shutil.copytree(ROOT / name, self.project / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("compose.yaml", "Dockerfile", ".env.example", "pyproject.toml"):
            shutil.copy(ROOT / name, self.project / name)
        (self.project / ".venv").symlink_to(ROOT / ".venv")
        (self.project / "CHANGELOG.md").write_text(CHANGELOG)
        self.calls = folder / "calls.log"
        self.calls.touch()
        (folder / "bin").mkdir()
        (folder / "bin/docker").symlink_to(ROOT / "tests/appliance/fake_docker.sh")
        self._env = {"HOME": str(folder), "FAKE_LOG": str(self.calls), "PYTHONDONTWRITEBYTECODE": "1"}
        self._env["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a script; it must leave the folder as it is."""
        before = self._files()
        program = ["bash", script] if script.endswith(".sh") else [sys.executable, "-m", f"scripts.{Path(script).stem}"]
        done = subprocess.run(
            [*program, *arguments], cwd=self.project, env=self._env, capture_output=True, text=True, check=False
        )
        assert self._files() == before
        return done

    def _files(self) -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in self.project.rglob("*") if path.is_file()}


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("script", [*SHELL, *PYTHON])
def test_help_is_the_usage_and_nothing_else(copy: Copy, script: str, option: str) -> None:
    done = copy.run(script, option)
    assert done.returncode == 0, done.stderr
    assert Path(script).stem in done.stdout
    assert not done.stderr
    assert not copy.calls.read_text()


@pytest.mark.parametrize("script", [*(name for name in SHELL if name not in PASSED_ON), *PYTHON])
def test_an_unknown_option_is_refused(copy: Copy, script: str) -> None:
    needed = [NEEDED[Path(script).stem]] if Path(script).stem in NEEDED else []
    done = copy.run(script, *needed, "--no-such-option")
    assert done.returncode == 2
    assert "--no-such-option" in done.stderr
    assert "usage" in done.stderr or "needed" in done.stderr, "it says what is possible"
    assert not done.stdout
    assert not copy.calls.read_text()


@pytest.mark.parametrize("script", [name for name in SHELL if name not in PASSED_ON and "run.sh" not in name])
def test_an_argument_too_many_is_refused(copy: Copy, script: str) -> None:
    done = copy.run(script, "one", "two")
    assert done.returncode == 2
    assert "error: found   the argument" in done.stderr
    assert not copy.calls.read_text()


@pytest.mark.parametrize(("script", "before"), PASSED_ON.items())
def test_what_goes_to_another_program_goes_there_as_it_is(copy: Copy, script: str, before: str) -> None:
    (copy.project / "models").mkdir()
    for arguments in (("--no-such-option",), ("remove", "--help")):
        assert copy.run(script, *arguments).returncode == 0
        call = copy.calls.read_text().splitlines()[-1]
        assert before in call
        assert call.endswith(" ".join(arguments))


@pytest.mark.parametrize("module", ["services.keys", "services.models"])
def test_the_programs_behind_them_refuse_too(module: str) -> None:
    command = [sys.executable, "-m", module]
    refused = subprocess.run([*command, "--no-such-option"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "usage" in refused.stderr
    helped = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert helped.returncode == 0
    assert "usage" in helped.stdout


def test_a_script_knows_its_usage_from_wherever_it_is_started(copy: Copy) -> None:
    folder = copy.project / "scripts"
    done = subprocess.run(["bash", "backup.sh", "-h"], cwd=folder, capture_output=True, text=True, check=False)
    assert "scripts/backup.sh [FILE]" in done.stdout
    done = subprocess.run([folder / "backup.sh", "-h"], cwd="/", capture_output=True, text=True, check=False)
    assert "scripts/backup.sh [FILE]" in done.stdout


def test_restoring_needs_a_file(copy: Copy) -> None:
    done = copy.run("scripts/restore.sh", "--yes")
    assert done.returncode == 2
    assert "no FILE" in done.stderr


def test_the_version_is_written_everywhere_and_released_with_its_notes(copy: Copy) -> None:
    assert subprocess.run(["bash", "scripts/set_version.sh", "7.8.9"], cwd=copy.project, check=False).returncode == 0
    for name, text in {
        "services/__init__.py": '__version__ = "7.8.9"',
        "Dockerfile": "ARG VERSION=7.8.9",
        "compose.yaml": "image: ${API_IMAGE:-rkllm-appliance-api:7.8.9}",
        ".env.example": "#API_IMAGE=rkllm-appliance-api:7.8.9",
    }.items():
        assert f"{text}\n" in (copy.project / name).read_text()
    assert copy.run("scripts/release_notes.sh", "7.8.9").stdout.strip() == "### Added\n- Wings."
    other = copy.run("scripts/release_notes.sh", "7.8.8")
    assert other.returncode == 1
    assert "7.8.9 in services/__init__.py" in other.stderr


def test_a_version_without_notes_is_not_released(copy: Copy) -> None:
    (copy.project / "services/__init__.py").write_text('__version__ = "7.8.7"\n')
    done = copy.run("scripts/release_notes.sh", "7.8.7")
    assert done.returncode == 1
    assert "no notes under '## 7.8.7'" in done.stderr


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3-rc1", ""])
def test_a_version_has_three_numbers(copy: Copy, version: str) -> None:
    assert copy.run("scripts/set_version.sh", version).returncode == 2


@pytest.mark.parametrize(
    ("subject", "problem"),
    [
        ("tools: parse Qwen3-Coder calls", None),
        ("api, chat: embed the words of a question", None),
        ("x: " + "y" * 69, None),
        ("x: " + "y" * 70, "73 characters"),
        ("Parse Qwen3-Coder calls", "no 'area: verb'"),
        ("tools: Parse calls", "no 'area: verb'"),
        ("tools: parsed calls", "'parsed' is no verb"),
        ("tools: parsing calls", "'parsing' is no verb"),
        ("tools: what is parsed is a call", "'what' is no verb"),
    ],
)
def test_the_subjects_of_commits(tmp_path: Path, subject: str, problem: str | None) -> None:
    (tmp_path / "message").write_text(f"{subject}\n\nThe reason.\n")
    command = ["bash", "scripts/check_commits.sh", "--message", str(tmp_path / "message")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if problem is None else 1)
    assert problem is None or problem in done.stderr
