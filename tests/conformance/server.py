"""The server that a suite talks to: the real one, with the default models under the names that the suite uses."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from scripts import place_embedder, place_model
from tests.engines import REAL_MODELS, ROOT
from tests.ports import free_port

CHAT, EMBEDDER, OTHER = place_model.FOLDER.lower(), place_embedder.FOLDER.lower(), "another"

PATIENCE = 60.0
"""Seconds until the server must answer."""

Place = Callable[[Path], None]
"""Writes models into a folder."""


def place_one(folder: Path, placed: str, settings: str) -> None:
    """Make `folder` a model of its own with the file of a default model."""
    folder.mkdir(parents=True)
    for file in (REAL_MODELS / placed).glob("*.gguf"):
        (folder / file.name).symlink_to(file)
    (folder / "model.yaml").write_text(settings)


def as_installed(folder: Path) -> None:
    """Place the default models, and the chat model once more: a suite switches between two."""
    chat, embedder = place_model.FOLDER, place_embedder.FOLDER
    for name, placed in ((CHAT, chat), (EMBEDDER, embedder), (OTHER, chat)):
        place_one(folder / name, placed, (REAL_MODELS / placed / "model.yaml").read_text())


def named(chat: list[str], embedder: list[str], max_tokens: int) -> Place:
    """Return what places both models under more names, with a limit for requests that have none."""

    def place(folder: Path) -> None:
        limit = f"sampling: {{temperature: 0, max_tokens: {max_tokens}}}\ntools: required_only\n"
        place_one(folder / CHAT, place_model.FOLDER, f"aliases: {chat}\n{limit}")
        place_one(folder / EMBEDDER, place_embedder.FOLDER, f"aliases: {embedder}\nmatryoshka: true\n")

    return place


def as_limited(folder: Path) -> None:
    """Link the default models, with a small context and short answers. A linked model is not deleted over the API."""
    folder.mkdir(parents=True)
    for name, placed in ((CHAT, place_model.FOLDER), (EMBEDDER, place_embedder.FOLDER)):
        own = folder.with_name("placed") / name
        place_one(own, placed, "context_length: 512\nsampling: {max_tokens: 2}\nmatryoshka: true\n")
        (folder / name).symlink_to(own)


@contextlib.contextmanager
def serving(folder: Path, place: Place, key: str = "") -> Iterator[dict[str, str]]:
    """Run a server on the models that `place` writes; yield what a suite must know of it, as environment variables.

    The server's log stays in .cache, under the name of the folder's parent.
    """
    port = free_port()
    folder.mkdir(parents=True)
    place(folder)
    env = {"RKLLM_PORT": str(port), "RKLLM_MODELS_DIR": str(folder), "RKLLM_API_KEY": key}
    with (ROOT / ".cache" / f"conformance-{folder.parent.name}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services"], cwd=ROOT, env={**os.environ, **env}, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait(url)
        yield {
            "CONFORMANCE_URL": url,
            "CONFORMANCE_PORT": str(port),
            "CONFORMANCE_KEY": key,
            "CONFORMANCE_MODEL": CHAT,
            "CONFORMANCE_OTHER_MODEL": OTHER,
            "CONFORMANCE_EMBEDDING_MODEL": EMBEDDER,
        }
    finally:
        process.terminate()
        process.wait(60)


def wait(url: str) -> None:
    """Block until the server answers. Raises `OSError` when it does not within `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
