"""The rules of the repository that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from services import __version__
from tests.engines import ROOT

SOURCES = sorted((ROOT / "services").rglob("*.py"))


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("subprocess", {"services/engines/worker/child.py"}),
        ("xllamacpp", {"services/engines/llama/worker.py"}),
        ("gevent", set()),
    ],
)
def test_who_may_import_what(module: str, allowed: set[str]) -> None:
    assert {str(path.relative_to(ROOT)) for path in SOURCES if module in imports(path)} == allowed


def test_workers_that_face_native_code_need_only_the_standard_library() -> None:
    """Without site-packages only the standard library can be imported."""
    for worker in ("llama", "rkllm"):
        argv = [sys.executable, "-S", "-c", f"import services.engines.{worker}.worker"]
        found = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr


def test_modules_and_functions_stay_small() -> None:
    for path in SOURCES:
        source = path.read_text()
        assert len(source.splitlines()) <= 250, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 50, f"{path}: {node.name}"


def test_no_lock_names_a_host() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        pins = re.findall(r"^\S+==", text, re.MULTILINE)
        assert len(pins) > 10
        assert text.count("--hash=sha256:") >= len(pins)


def test_what_pyproject_demands_is_what_the_lock_pins() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = set(re.findall(r"^([\w.-]+==[^\s\\;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert {re.sub(r"\[.*?\]", "", wanted) for wanted in project["dependencies"]} <= pins


def test_the_version_is_the_same_everywhere() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    repeated = {
        "Dockerfile": r"^ARG VERSION=(.+)$",
        "compose.yaml": r"API_IMAGE:-rkllm-appliance-api:(.+)}",
        ".env.example": r"^#API_IMAGE=rkllm-appliance-api:(.+)$",
    }
    for name, pattern in repeated.items():
        assert re.findall(pattern, (ROOT / name).read_text(), re.MULTILINE) == [__version__], name
    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]


def test_links_between_documents_lead_somewhere() -> None:
    for path in tracked():
        if path.suffix == ".md":
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
                assert (path.parent / target).exists(), f"{path.name} -> {target}"
