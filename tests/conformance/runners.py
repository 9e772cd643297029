"""What `make conformance` runs: each suite with its title, the server it needs, and its program."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.conformance import home_assistant, report, server
from tests.engines import ROOT
from tests.ports import free_port

SUITES = Path(__file__).resolve().parent / "suites"
PLUGINS = SUITES / "plugins"
SOURCES = ROOT / ".venv-conformance" / "sources"
PYTHON = ROOT / ".venv-conformance" / "bin" / "python"

OPENAI_MODELS = server.named(
    ["gpt-6-astra", "gpt-3.5-turbo-instruct", "model"], ["text-embedding-3-small"], max_tokens=16
)
LLAMA_MODELS = server.named(
    ["tinyllama-2", "gpt-3.5-turbo", "gpt-3.5-turbo-instruct", "gpt-4.1", "test", "davinci-002", "codellama70b"],
    ["text-embedding-3-small"],
    max_tokens=16,
)
OLLAMA_MODELS = server.named(
    ["llama3.2", "llama3.1", "llama3.1:8b", "llava", "mistral", "codellama:code"], ["all-minilm"], max_tokens=64
)

LLAMA_KEY = "sk-this-is-the-secret-key"
"""The key of llama.cpp's tests about keys."""

Environment = dict[str, str]
Program = Callable[[Environment, Path], None]
"""Runs a suite and writes its results as a JUnit file."""


@dataclass(frozen=True)
class Runner:
    title: str
    run: Program
    place: server.Place = server.as_installed
    key: str = ""


def pytest_run(*options: str, folder: Path = SUITES, **more: str) -> Program:
    """Return what runs pytest of the conformance environment in `folder`."""

    def run(facts: Environment, results: Path) -> None:
        command = [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(SUITES / "pytest.ini")]
        command.append(f"--rootdir={folder}")
        filled = {name: value.format(**facts) for name, value in more.items()}
        env = {**os.environ, **facts, **filled, "PYTHONPATH": f"{PLUGINS}:{folder}"}
        subprocess.run([*command, f"--junitxml={results}", *options], env=env, cwd=folder, check=False)

    return run


def node_run(facts: Environment, results: Path) -> None:
    folder = SUITES / "node"
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
    reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout", "--test-reporter=junit"]
    command = ["node", "--test", *reporters, f"--test-reporter-destination={results}"]
    subprocess.run(command, cwd=folder, env={**os.environ, **facts}, check=False)


def client(name: str, title: str) -> Runner:
    return Runner(title, pytest_run(f"{name}.py"), key=secrets.token_urlsafe())


def openai_run() -> Program:
    resources = (
        "chat",
        "responses",
        "test_completions.py",
        "test_embeddings.py",
        "test_models.py",
        "test_responses.py",
    )
    paths = [f"tests/api_resources/{name}" for name in resources]
    return pytest_run("-p", "openai_api", *paths, folder=SOURCES / "openai", TEST_API_BASE_URL="{CONFORMANCE_URL}/v1")


def llama_run(*options: str) -> Program:
    """Their helpers take a server that runs already at `PORT`."""
    folder = SOURCES / "llama.cpp" / "tests"
    return pytest_run("-p", "llama_server", *options, folder=folder, DEBUG_EXTERNAL="1", PORT="{CONFORMANCE_PORT}")


def home_assistant_run(facts: Environment, results: Path) -> None:
    more = {"CONFORMANCE_HASS": str(home_assistant.HASS), "CONFORMANCE_FREE_PORT": str(free_port())}
    pytest_run("home_assistant.py")({**facts, **more}, results)


RUNNERS = {
    "sdk_openai": client("sdk_openai", "openai (Python)"),
    "sdk_ollama": client("sdk_ollama", "ollama (Python)"),
    "sdk_anthropic": client("sdk_anthropic", "anthropic (Python)"),
    "langchain_chat": client("langchain_chat", "langchain-tests, chat model integration"),
    "node": Runner("openai and AI SDK (Node)", node_run, key=secrets.token_urlsafe()),
    "openai_api": Runner("openai-python's own API tests", openai_run(), OPENAI_MODELS),
    "llama_server": Runner(
        "llama.cpp's server tests", llama_run("unit", "--ignore=unit/test_security.py"), LLAMA_MODELS
    ),
    "llama_keys": Runner(
        "llama.cpp's server tests about keys", llama_run("unit/test_security.py"), LLAMA_MODELS, LLAMA_KEY
    ),
    "home_assistant": Runner("Home Assistant, its Ollama integration", home_assistant_run),
    "ollama_examples": Runner("Ollama's documented examples", pytest_run("ollama_examples.py"), OLLAMA_MODELS),
}


def missing(name: str) -> str:
    """Return why a suite cannot run on this machine, or nothing."""
    if name == "home_assistant":
        return home_assistant.missing()
    return "npm is not installed" if name == "node" and not shutil.which("npm") else ""


def run(name: str, folder: Path) -> report.Suite:
    """Run one suite on a server of its own, with files in `folder`. Blocks for minutes."""
    runner = RUNNERS[name]
    with server.serving(folder / "models", runner.place, runner.key) as facts:
        runner.run(facts, folder / "results.xml")
    return report.read(runner.title, folder / "results.xml")
