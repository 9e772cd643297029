"""From the hub, or from a folder, into the store. HF_ENDPOINT names a mirror, HF_TOKEN opens gated repositories."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from services.models.manifest import Entry, ManifestError
from services.models.store import Progress, Store, nothing, sha256

STAGE = ".fetching-"
"""Prefix of a folder that is being filled; the catalogue looks into no folder that begins with a dot."""

Fetch = Callable[[Entry, str, Path], str | None]
"""Puts a file of an entry into a folder; returns the checksum its source tells, if it does. Raises `ManifestError`."""


def add(store: Store, entry: Entry, fetch: Fetch, progress: Progress = nothing) -> str:
    """Fetch a model; its checksum. Blocks for as long as that takes; what an interrupted call got is gone on with."""
    stage = staged(store, entry)
    store.check_space(entry, present(store, entry))
    if store.place(entry.id).exists():
        raise ManifestError(f"There is already a folder {store.place(entry.id)}; 'verify' or 'remove' it.")
    stage.mkdir(exist_ok=True)
    told = fetch(entry, entry.file, stage)
    found = sha256(stage / entry.file, progress)
    wanted = entry.sha256 or told
    if wanted and found != wanted:
        (stage / entry.file).unlink()
        raise ManifestError(f"{entry.file} has sha256 {found}; needed is {wanted}. It was removed; fetch it again.")
    for name in entry.tokenizer:
        optional(fetch, entry, name, stage)
    shutil.rmtree(stage / ".cache", ignore_errors=True)
    store.install(entry, stage, found)
    return found


def staged(store: Store, entry: Entry) -> Path:
    """The folder that is filled until the model is whole."""
    return store.folder / f"{STAGE}{entry.id}"


def present(store: Store, entry: Entry) -> int:
    """Bytes of a model that are there already, while it is fetched and after a fetch that was cut off."""
    size = 0
    for file in staged(store, entry).rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a fetch that runs renames its files
            size += file.stat().st_size if file.is_file() else 0
    return size


def optional(fetch: Fetch, entry: Entry, name: str, stage: Path) -> None:
    try:
        fetch(entry, name, stage)
    except ManifestError:
        return


def from_folder(source: Path) -> Fetch:
    """Files that somebody brought: ``SOURCE/FILE`` or ``SOURCE/ID/FILE``."""

    def fetch(entry: Entry, name: str, stage: Path) -> None:
        for path in (source / name, source / entry.id / name):
            if path.is_file():
                (stage / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, stage / name)
                return
        raise ManifestError(f"There is no {name} of {entry.id} in {source}.")

    return fetch


def from_hub(entry: Entry, name: str, stage: Path) -> str | None:
    """Resumes; shows a progress bar on a terminal. The hub tells the sha256 of files it keeps in large-file storage."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    import huggingface_hub as hub
    from httpx2 import HTTPError
    from huggingface_hub.errors import HfHubHTTPError

    try:
        url = hub.hf_hub_url(entry.repository, name, revision=entry.revision)
        told = hub.get_hf_file_metadata(url).etag
        hub.hf_hub_download(entry.repository, name, revision=entry.revision, local_dir=stage)
    except HfHubHTTPError as error:
        raise ManifestError(f"{entry.repository}/{name}: {' '.join(str(error).split())[:300]}") from error
    except (HTTPError, OSError, ValueError, RuntimeError) as error:
        raise ManifestError(
            f"{entry.repository}/{name} could not be fetched: {' '.join(str(error).split())[:300]}. "
            "Check the network and run this again: it goes on where it stopped. Or: --from FOLDER."
        ) from error
    return told if told and len(told) == 64 else None
