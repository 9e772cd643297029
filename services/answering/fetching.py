"""Download models of the manifest into the models folder, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from services.core.client import Client
from services.core.errors import BadRequest, EngineFailed, FetchFailed, NotFound, Unavailable
from services.core.settings import Settings
from services.engines.worker.child import Child
from services.engines.worker.process import worker_argv, worker_env
from services.models import board, fetch, manifest
from services.models.catalog import Catalog
from services.models.manifest import Entry, ManifestError
from services.models.names import find_id
from services.models.store import Store

QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}
"""Environment of the process: the server reads the progress from the disk, and progress bars would fill the log."""


@dataclass(frozen=True, slots=True)
class FetchStarted:
    """The model is in the manifest and not on the disk; nothing is downloaded yet."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """A part of the model is on the disk."""

    entry: Entry
    present: int
    """Bytes on the disk."""


class Fetcher:
    """Download models. Any thread may use it; a model is downloaded only once at a time."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        """Download into the models folder of `settings`; a model that is in `catalog` is not downloaded."""
        self._heartbeat = settings.heartbeat_interval
        self._catalog = catalog
        self._store = Store(settings.models_dir)
        self._fetching: set[str] = set()

    def fetch(self, name: str, client: Client) -> Generator[FetchStarted | FetchProgress]:
        """Download the model whose id a client means by `name`, and yield the progress.

        Yields nothing if it is on the disk already. Blocks between the steps. Closing the generator stops the
        download; the next call continues it. Raises `NotFound` for a model that is not in the manifest, `BadRequest`
        for one that does not run on this board, `Unavailable` if the folder is not writable or the model is being
        downloaded already, `FetchFailed`, and `ClientGone`.
        """
        if find_id(name, [model.id for model in self._catalog.models()]):
            return
        entry = self._entry(name)
        with self._alone(entry.id):
            yield FetchStarted(entry)
            yield from self._run(entry, client)

    def _entry(self, name: str) -> Entry:
        try:
            entries = manifest.load_manifest(manifest.MANIFEST)
            found = find_id(name, entries)
            if found is None:
                raise NotFound(f"There is no model {name!r} in the manifest: {', '.join(entries)}.", param="model")
            manifest.check_soc(entries[found], board.soc())
        except ManifestError as error:
            raise BadRequest(str(error), param="model") from error
        check_writable(self._store.folder)
        return entries[found]

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        if name in self._fetching:
            raise Unavailable(f"{name} is being downloaded already, for another request. Wait until that is complete.")
        self._fetching.add(name)
        try:
            yield
        finally:
            self._fetching.discard(name)

    def _run(self, entry: Entry, client: Client) -> Iterator[FetchProgress]:
        child = Child(fetch_argv(self._store.folder, entry), {**worker_env(), **QUIET}, entry.id)
        child.log.request_id = client.trace.id
        try:
            for line in child.lines(self._heartbeat, client):
                if line is not None and line.startswith(f"{entry.id} is there".encode()):
                    return
                yield FetchProgress(entry, fetch.bytes_present(self._store, entry))
        # The last line of the process says what is wrong, and the class of the error does not.
        except EngineFailed as error:
            raise FetchFailed(child.log.last_line.removeprefix("error: ") or error.message) from error
        finally:
            child.kill()


def fetch_argv(folder: Path, entry: Entry) -> list[str]:
    """Return the command line that downloads a model into `folder`."""
    options = ["--models-dir", str(folder), "--manifest", str(manifest.MANIFEST)]
    return [*worker_argv("services.models"), *options, "add", entry.id]


def check_writable(folder: Path) -> None:
    """Create the folder if it does not exist. Raises `Unavailable` if the server may not write into it."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise Unavailable(
            f"The server may not write into {folder}, as in the container. Use scripts/models.sh; see docs/models.md."
        )
