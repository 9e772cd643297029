"""Install, verify and remove models in the models folder. Uses no network."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from services.models.manifest import Entry, ManifestError

RECEIPT = ".fetched.json"
"""File in each fetched model's folder: what was fetched, with its checksum."""

CHUNK = 1 << 20
"""Bytes read at a time for a checksum."""

RESERVE = 512 * 1024 * 1024
"""Bytes that stay free on the disk: a full disk stops Docker and the database too."""

Progress = Callable[[int], None]
"""Called with the number of bytes read since the last call."""


def ignore_progress(count: int) -> None:
    """Do nothing; the default `Progress`."""


def sha256(path: Path, progress: Progress = ignore_progress) -> str:
    """Return the file's checksum in hexadecimal. Blocks: about 3 s per GB on a board's card. Raises `OSError`."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            progress(len(chunk))
    return digest.hexdigest()


class Store:
    """The models folder: one folder for each model, named by its id."""

    def __init__(self, folder: Path) -> None:
        """Keep `folder`; reads and creates nothing yet."""
        self.folder = folder

    def model_folder(self, model: str) -> Path:
        """Return the folder of a model, which may not exist. Raises `ManifestError` for an id with a path in it."""
        path = self.folder / model
        if path.parent != self.folder or not model or model in (".", ".."):
            raise ManifestError(f"{model!r} is no id of a model. 'list' shows the ids.")
        return path

    def installed(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield the id and the receipt of each model that was fetched."""
        for receipt in sorted(self.folder.glob(f"*/{RECEIPT}")):
            yield receipt.parent.name, json.loads(receipt.read_text())

    def check_space(self, entry: Entry, present: int) -> None:
        """Check that the rest of a model fits on the disk; `present` bytes of it are there. Raises `ManifestError`.

        Creates the models folder where it is missing.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        needed = entry.size - present + RESERVE
        if free < needed:
            raise ManifestError(
                f"{entry.id} needs {needed / 1e9:.1f} GB on the disk of {self.folder}; {free / 1e9:.1f} GB are free. "
                "Remove a model ('remove'), or set MODELS_DIR to a larger disk."
            )

    def verify(self, model: str, progress: Progress = ignore_progress) -> str:
        """Compare a model's file with its receipt and return the checksum. Blocks as `sha256` does.

        Raises `ManifestError` where the file is damaged or was not fetched, and `OSError`.
        """
        receipts = dict(self.installed())
        if model not in receipts:
            raise ManifestError(f"{model!r} was not fetched into {self.folder}; 'list' shows what was.")
        receipt = receipts[model]
        checksum = sha256(self.model_folder(model) / receipt["file"], progress)
        if checksum != receipt["sha256"]:
            raise ManifestError(
                f"{model} is damaged: sha256 {checksum}, and it was {receipt['sha256']} when it was fetched. "
                f"Fetch it again: remove {model}, then add {model}. If that happens again, suspect the card."
            )
        return checksum

    def remove(self, model: str) -> int:
        """Delete a fetched model and return the bytes that were freed.

        Raises `ManifestError` for a folder that this program did not fetch: it belongs to the owner.
        """
        folder = self.model_folder(model)
        if not (folder / RECEIPT).exists():
            raise ManifestError(f"{model!r} was not fetched by this program; remove its folder {folder} by hand.")
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        shutil.rmtree(folder)
        return size

    def install(self, entry: Entry, staging: Path, checksum: str) -> None:
        """Move the complete folder `staging` to the model's place. A rename, so nobody sees half a model."""
        settings = staging / "model.yaml"
        if not settings.exists():
            settings.write_text(model_yaml(entry))
        name = flatten(staging, entry.file)
        receipt = {"file": name, "sha256": checksum, "repository": entry.repository, "revision": entry.revision}
        (staging / RECEIPT).write_text(json.dumps(receipt))
        staging.replace(self.model_folder(entry.id))


def flatten(staging: Path, file: str) -> str:
    """Move `file` out of its folder in the repository, up to ``model.yaml``, and return its name.

    The catalogue takes the folder that has the model file in it as the model's folder.
    """
    name = Path(file).name
    if name != file:
        (staging / file).rename(staging / name)
        shutil.rmtree(staging / Path(file).parts[0])
    return name


def model_yaml(entry: Entry) -> str:
    """Return a ``model.yaml`` with what the manifest says. JSON quotes the texts: a JSON string is a YAML string."""
    return (
        f"name: {json.dumps(entry.name)}\ndescription: {json.dumps(entry.description)}\n"
        f"file: {json.dumps(Path(entry.file).name)}\ncontext_length: {entry.context_length}\n"
        f"capabilities: {json.dumps(entry.capabilities)}\n"
    )
