"""Fetch a model's files from the Hugging Face hub, or from a folder, into the store.

HF_ENDPOINT names a mirror of the hub, HF_TOKEN opens gated repositories.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from services.models.manifest import Entry, ManifestError
from services.models.store import Progress, Store, ignore_progress, sha256

STAGING = ".fetching-"
"""Prefix of a folder that is being filled; the catalogue skips folders that begin with a dot."""

Fetch = Callable[[Entry, str, Path], str | None]
"""Puts the file of that name into a folder. Returns the checksum that its source reports, None without one.
Raises `ManifestError`."""


def fetch_model(store: Store, entry: Entry, fetch: Fetch, progress: Progress = ignore_progress) -> str:
    """Fetch and install a model and return its checksum.

    Blocks for the whole download. After an interruption, the next call continues with what is there. Raises
    `ManifestError` where the disk is too small, the folder is taken, a file cannot be fetched or its checksum is wrong.
    """
    staging = staging_folder(store, entry)
    store.check_space(entry, bytes_present(store, entry))
    if (place := store.model_folder(entry.id)).exists():
        raise ManifestError(f"There is already a folder {place}; 'verify' or 'remove' it.")
    staging.mkdir(exist_ok=True)
    reported = fetch(entry, entry.file, staging)
    checksum = sha256(staging / entry.file, progress)
    expected = entry.sha256 or reported
    if expected and checksum != expected:
        # Left in place, the next fetch would take it for a download that is there already.
        (staging / entry.file).unlink()
        raise ManifestError(
            f"{entry.file} has sha256 {checksum}; needed is {expected}. It was removed; fetch it again."
        )
    for name in entry.tokenizer:
        with contextlib.suppress(ManifestError):  # the model works without these, with estimated token counts
            fetch(entry, name, staging)
    shutil.rmtree(staging / ".cache", ignore_errors=True)  # huggingface_hub's notes about its downloads
    store.install(entry, staging, checksum)
    return checksum


def staging_folder(store: Store, entry: Entry) -> Path:
    """Return the folder that is filled until the model is complete."""
    return store.folder / f"{STAGING}{entry.id}"


def bytes_present(store: Store, entry: Entry) -> int:
    """Return how many bytes of a model are there, during a fetch and after an interrupted one."""
    size = 0
    for file in staging_folder(store, entry).rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a running fetch renames its files
            size += file.stat().st_size if file.is_file() else 0
    return size


def from_folder(source: Path) -> Fetch:
    """Return a `Fetch` that copies from ``SOURCE/FILE`` or ``SOURCE/ID/FILE``, for machines without a network."""

    def fetch(entry: Entry, name: str, staging: Path) -> None:
        for path in (source / name, source / entry.id / name):
            if path.is_file():
                (staging / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, staging / name)
                return
        raise ManifestError(f"There is no {name} of {entry.id} in {source}. Copy it there, or name another folder.")

    return fetch


def from_hub(entry: Entry, name: str, staging: Path) -> str | None:
    """Download a file from the hub, continuing a partial download; a `Fetch`. Shows a progress bar on a terminal.

    The hub reports a sha256 only for files in its large-file storage.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    import huggingface_hub as hub
    from httpx2 import HTTPError
    from huggingface_hub.errors import HfHubHTTPError

    try:
        url = hub.hf_hub_url(entry.repository, name, revision=entry.revision)
        etag = hub.get_hf_file_metadata(url).etag
        hub.hf_hub_download(entry.repository, name, revision=entry.revision, local_dir=staging)
    except HfHubHTTPError as error:
        raise ManifestError(
            f"{entry.repository}/{name}: {' '.join(str(error).split())[:300]}. "
            "Check repository and revision in the manifest; a gated repository needs HF_TOKEN."
        ) from error
    except (HTTPError, OSError, ValueError, RuntimeError) as error:
        raise ManifestError(
            f"{entry.repository}/{name} could not be fetched: {' '.join(str(error).split())[:300]}. "
            "Check the network and run this again: it continues where it stopped. Or use --from FOLDER."
        ) from error
    return etag if etag and len(etag) == 64 else None  # other files' etag is a git hash of 40 digits
