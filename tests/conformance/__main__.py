"""Foreign clients and suites against the real server with the default models; the results go to docs/conformance.md.

    make conformance                    all suites
    make conformance ARGS=sdk_openai    one of them, without writing the page

Each suite runs in an environment of its own (requirements.lock, suites/node/package-lock.json), so that nothing of it
is needed to run or to test the server.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from scripts import place_embedder, place_model
from tests.conformance import openapi, report
from tests.ports import free_port

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SUITES = HERE / "suites"
PYTHON = ROOT / ".venv-conformance" / "bin" / "python"

PYTEST_SUITES = {
    "sdk_openai": "openai (Python)",
    "sdk_ollama": "ollama (Python)",
    "sdk_anthropic": "anthropic (Python)",
    "langchain_chat": "langchain-tests, chat model integration",
}

CHAT, EMBEDDER, OTHER = place_model.FOLDER.lower(), place_embedder.FOLDER.lower(), "another"
PATIENCE = 60.0
"""Seconds until the server must answer."""


def models(folder: Path) -> None:
    """The default models, and the chat model once more: a suite switches between two."""
    chat, embedder = place_model.FOLDER, place_embedder.FOLDER
    for name, placed in ((CHAT, chat), (EMBEDDER, embedder), (OTHER, chat)):
        (folder / name).symlink_to(ROOT / ".cache" / "models" / placed)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[dict[str, str]]:
    """A running server; what the suites must know of it, as environment variables."""
    port, key = free_port(), secrets.token_urlsafe()
    models(folder)
    env = {"RKLLM_PORT": str(port), "RKLLM_MODELS_DIR": str(folder), "RKLLM_API_KEY": key}
    with (ROOT / ".cache" / "conformance.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services"], cwd=ROOT, env={**os.environ, **env}, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait(url)
        yield {
            "CONFORMANCE_URL": url,
            "CONFORMANCE_KEY": key,
            "CONFORMANCE_MODEL": CHAT,
            "CONFORMANCE_OTHER_MODEL": OTHER,
            "CONFORMANCE_EMBEDDING_MODEL": EMBEDDER,
        }
    finally:
        process.terminate()
        process.wait(60)


def wait(url: str) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def pytest_suite(name: str, env: dict[str, str], results: Path) -> None:
    command = [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(SUITES / "pytest.ini")]
    subprocess.run([*command, f"--junitxml={results}", str(SUITES / f"{name}.py")], env=env, cwd=SUITES, check=False)


def node_suite(env: dict[str, str], results: Path) -> None:
    folder = SUITES / "node"
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
    reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout", "--test-reporter=junit"]
    subprocess.run(
        ["node", "--test", *reporters, f"--test-reporter-destination={results}"], cwd=folder, env=env, check=False
    )


def run(names: list[str]) -> list[report.Suite]:
    found = []
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as facts:
        env = {**os.environ, **facts}
        for name in names:
            results = Path(folder) / f"{name}.xml"
            if name == "openapi":
                found.append(openapi.run(Path(folder) / "openapi"))
                continue
            if name == "node":
                node_suite(env, results)
            else:
                pytest_suite(name, env, results)
            found.append(report.read(PYTEST_SUITES.get(name, "openai and AI SDK (Node)"), results))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    everything = [*PYTEST_SUITES, "node", "openapi"]
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of: {', '.join(everything)}")
    wanted = parser.parse_args().suites or everything
    if "node" in wanted and not shutil.which("npm"):
        print("conformance: the Node suite is left out, since npm is not installed")
        wanted = [name for name in wanted if name != "node"]
    suites = run(wanted)
    if wanted == everything:
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        (ROOT / "docs" / "conformance.md").write_text(report.page(suites, machine, datetime.date.today()))
    print(report.summary(suites))
    return int(any(suite.failed for suite in suites))


if __name__ == "__main__":
    sys.exit(main())
