"""The models folder: what is there, is it whole, into it and out of it. No network."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from services.models.manifest import Entry, ManifestError

RECEIPT = ".fetched.json"
"""In each model's folder: what was fetched, with the checksum it had."""

CHUNK = 1 << 20
RESERVE = 512 * 1024 * 1024
"""Bytes that stay free on the disk: a full one stops Docker and the database too."""

Progress = Callable[[int], None]
"""Told how many more bytes were read."""


def nothing(count: int) -> None:
    pass


def sha256(path: Path, progress: Progress = nothing) -> str:
    """Blocks: about 3 s for each GB on a board's card."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            progress(len(chunk))
    return digest.hexdigest()


class Store:
    """One folder for each model, named by its id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, model: str) -> Path:
        """The folder of a model; raises `ManifestError` for an id that leaves the models folder."""
        path = self.folder / model
        if path.parent != self.folder or not model or model in (".", ".."):
            raise ManifestError(f"{model!r} is no id of a model.")
        return path

    def installed(self) -> Iterator[tuple[str, dict[str, str]]]:
        """The models that were fetched, with their receipts."""
        for receipt in sorted(self.folder.glob(f"*/{RECEIPT}")):
            yield receipt.parent.name, json.loads(receipt.read_text())

    def check_space(self, entry: Entry, present: int) -> None:
        """`present`: bytes of it that are on the disk already. Raises `ManifestError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        needed = entry.size - present + RESERVE
        if free < needed:
            raise ManifestError(
                f"{entry.id} needs {needed / 1e9:.1f} GB on the disk of {self.folder}; {free / 1e9:.1f} GB are free. "
                "Remove a model ('remove'), or set MODELS_DIR to a larger disk."
            )

    def verify(self, model: str, progress: Progress = nothing) -> str:
        """Compare with the receipt; the checksum. Raises `ManifestError`."""
        receipts = dict(self.installed())
        if model not in receipts:
            raise ManifestError(f"{model!r} was not fetched into {self.folder}; 'list' shows what was.")
        receipt = receipts[model]
        found = sha256(self.place(model) / receipt["file"], progress)
        if found != receipt["sha256"]:
            raise ManifestError(
                f"{model} is damaged: sha256 {found}, and it was {receipt['sha256']} when it was fetched. "
                f"Fetch it again: remove {model}, then add {model}. If that happens again, suspect the card."
            )
        return found

    def remove(self, model: str) -> int:
        """The bytes that were freed. Removes only what was fetched by this program. Raises `ManifestError`."""
        place = self.place(model)
        if not (place / RECEIPT).exists():
            raise ManifestError(f"{model!r} was not fetched by this program; remove its folder {place} by hand.")
        size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        shutil.rmtree(place)
        return size

    def install(self, entry: Entry, staged: Path, checksum: str) -> None:
        """Make a complete folder beside its place visible in one step."""
        settings = staged / "model.yaml"
        if not settings.exists():
            settings.write_text(model_yaml(entry))
        name = unfold(staged, entry.file)
        receipt = {"file": name, "sha256": checksum, "repository": entry.repository, "revision": entry.revision}
        (staged / RECEIPT).write_text(json.dumps(receipt))
        staged.replace(self.place(entry.id))


def unfold(staged: Path, file: str) -> str:
    """Put a file of a folder in its repository beside `model.yaml`; its name. A model's folder is where its file is."""
    name = Path(file).name
    if name != file:
        (staged / file).rename(staged / name)
        shutil.rmtree(staged / Path(file).parts[0])
    return name


def model_yaml(entry: Entry) -> str:
    """JSON strings are YAML strings."""
    return (
        f"name: {json.dumps(entry.name)}\ndescription: {json.dumps(entry.description)}\n"
        f"file: {json.dumps(Path(entry.file).name)}\ncontext_length: {entry.context_length}\n"
        f"capabilities: {json.dumps(entry.capabilities)}\n"
    )
