"""The application in this process, with the scripted engine as a real child."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from services.api.app import App, build
from services.core.settings import Settings
from services.engines.base import EngineSpec
from tests.engines import FAKES, fake, write_fake_model


class Api:
    """The application and what tests ask of it."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.http = falcon.testing.TestClient(app, headers={"Host": "localhost"})

    def post(self, path: str, body: Any, **more: Any) -> falcon.testing.Result:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.simulate_post(path, body=data, **more)

    def chat(self, script: object = "hello", **more: Any) -> falcon.testing.Result:
        """A chat whose last message is `script`: text, or an object for the scripted engine."""
        text = script if isinstance(script, str) else json.dumps(script)
        return self.post("/v1/chat/completions", {"messages": [{"role": "user", "content": text}], **more})

    def text(self, prompt: object = "hello", **more: Any) -> falcon.testing.Result:
        return self.post("/v1/completions", {"prompt": prompt, **more})


def chunks(result: falcon.testing.Result) -> list[Any]:
    """The events of a stream; None for ``[DONE]``."""
    lines = [line[6:] for line in result.text.splitlines() if line.startswith("data: ")]
    return [None if line == "[DONE]" else json.loads(line) for line in lines]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Api]]:
    apps: list[App] = []

    def maker(**settings: Any) -> Api:
        apps.append(build(Settings(models_dir=tmp_path, monitor_interval=3600, **settings), FAKES))
        return Api(apps[-1])

    yield maker
    for app in apps:
        app.stop()


@pytest.fixture
def api(make: Callable[..., Api], tmp_path: Path) -> Api:
    """The application with one model, ``fake``."""
    write_fake_model(tmp_path, "fake")
    return make(max_body_bytes=100_000)


LIMIT = 400_000
"""The largest body, in bytes, that the application of `able` accepts."""


@pytest.fixture(scope="module")
def able(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Yield one application for all tests of a module; its one model, ``fake``, has every capability."""
    folder = tmp_path_factory.mktemp("models")
    write_fake_model(folder, "fake", settings="capabilities: [chat, completion, embedding, rerank]")
    app: App = build(Settings(models_dir=folder, monitor_interval=3600, max_body_bytes=LIMIT), FAKES)
    yield Api(app)
    app.stop()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Api]:
    """The application with one model whose engine has no grammars."""
    folder = write_fake_model(tmp_path, "fake")
    (folder / "model.yaml").write_text("engine: plain")
    app: App = build(Settings(models_dir=tmp_path, monitor_interval=3600), (*FAKES, EngineSpec("plain", fake)))
    yield Api(app)
    app.stop()
