"""Open WebUI for real in front of our server; ``make test-webui``.

One box for all tests: starting Open WebUI takes half a minute.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.engines import REAL_MODELS, write_fake_model
from tests.webui import search_engine, searxng
from tests.webui.box import Box, python
from tests.webui.user import User

REAL = "smollm2-135m-instruct"
EMBEDDER = "all-MiniLM-L6-v2"
"""Served, and not offered to chat with."""
SCRIPTED = "scripted"
CITING = "scripted-citing"
SHORT = "scripted-short"
CITATION = "<think>Two sources name it.</think>It delivers **6 TOPS** with int8 [1], as that of the RK3576 does [2]."


class Running:
    """The box, its search, and the admin."""

    def __init__(self, box: Box, asked: list[str]) -> None:
        self.box = box
        self.asked = asked
        """What the search was asked."""
        self._open_webui = ExitStack()
        self.restart()
        self.admin: User = box.admin()

    def restart(self, **changed: str) -> None:
        """Open WebUI ends, and starts again on its data; `changed` is what the owner wrote to .env meanwhile."""
        self.end()
        self._open_webui.enter_context(self.box.open_webui(**changed))

    def end(self) -> None:
        self._open_webui.close()


@pytest.fixture(scope="session", autouse=True)
def _there() -> None:
    if not python().with_name("open-webui").exists():
        pytest.skip("Open WebUI is not installed; tests/webui/install.sh installs it")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("webui") / "models"
    folder.mkdir()
    real = folder / "SmolLM2-135M-Instruct"
    real.mkdir()
    (real / "SmolLM2-135M-Instruct.gguf").symlink_to(REAL_MODELS / real.name / "SmolLM2-135M-Instruct.gguf")
    settings = yaml.safe_load((REAL_MODELS / real.name / "model.yaml").read_text())
    settings["sampling"]["max_tokens"] = 100  # it may talk without end
    (real / "model.yaml").write_text(yaml.safe_dump(settings))
    (folder / EMBEDDER).symlink_to(REAL_MODELS / EMBEDDER)
    write_fake_model(folder, SCRIPTED)
    (folder / SCRIPTED / "model.yaml").write_text("name: Scripted\ndescription: Says what it is told to\n")
    write_fake_model(folder, CITING, json.dumps({"run": {"text": CITATION, "prefill_delay": 0.2}}))
    (folder / CITING / "model.yaml").write_text("name: Demonstration\ndescription: Always says the same\n")
    write_fake_model(folder, SHORT)
    (folder / SHORT / "model.yaml").write_text("name: Short\ndescription: Has little room\ncontext_length: 2048\n")
    return folder


@pytest.fixture(scope="session")
def running(models: Path) -> Iterator[Running]:
    """Everything up; afterwards no process of it is left."""
    with ExitStack() as stack:
        engine_url, asked = stack.enter_context(search_engine.serving())
        search_url = engine_url
        if checkout := searxng.source():
            settings = models.parent / "settings.yml"
            settings.write_text(yaml.safe_dump(searxng.settings(engine_url)))
            search_url, _ = stack.enter_context(searxng.serving(checkout, settings, "a" * 64))
        box = Box(models.parent, search_url)
        stack.enter_context(box.serving(models))
        found = Running(box, asked)
        stack.callback(found.end)
        yield found
