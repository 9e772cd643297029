"""Install, verify and remove models in the models folder. Uses no network."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

from services.core.owner_files import read_bounded
from services.models import gguf
from services.models.folder import BESIDE
from services.models.manifest import Entry, ManifestError, check_path
from services.models.model_files import SETTINGS_FILE, parts_of

RECEIPT = ".fetched.json"
"""File in each fetched model's folder: what was fetched, with its checksum."""

CHUNK = 1 << 20
"""Bytes read at a time for a checksum."""

RECEIPT_SIZE = 64 * 1024
"""The most bytes of a receipt."""

SHOWN = 3
"""Files that a sentence about what stays in a folder names; more are counted."""

LOOKED_AT = 1000
"""The most files that are counted for such a sentence, and the most folders that are searched for them."""

RESERVE = 512 * 1024 * 1024
"""Bytes that stay free on the disk: a full disk stops Docker and the database too."""

Progress = Callable[[int], None]
"""Called with the number of bytes read since the last call."""


class Receipt(Struct, frozen=True, kw_only=True):
    """What was fetched into a folder."""

    file: str
    """The name of the model file."""
    sha256: str
    repository: str = ""
    revision: str = ""
    files: tuple[str, ...] = ()
    """Everything that was put there, as paths in the folder."""


def read_receipt(folder: Path) -> Receipt | None:
    """Return the receipt in `folder`; None where there is none that can be read. Blocks as the disk does."""
    try:
        receipt = msgspec.json.decode(read_bounded(folder / RECEIPT, RECEIPT_SIZE), type=Receipt)
        for name in (receipt.file, *receipt.files):
            check_path(name, folder.name)
    except (OSError, ValueError, ManifestError):
        return None
    return receipt


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

    def installed(self) -> Iterator[tuple[str, Receipt]]:
        """Yield the id and the receipt of each model that was fetched."""
        for path in sorted(self.folder.glob(f"*/{RECEIPT}")):
            if receipt := read_receipt(path.parent):
                yield path.parent.name, receipt

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
        checksum = sha256(self.model_folder(model) / receipt.file, progress)
        if checksum != receipt.sha256:
            raise ManifestError(
                f"{model} is damaged: sha256 {checksum}, and it was {receipt.sha256} when it was fetched. "
                f"Fetch it again: remove {model}, then add {model}. If that happens again, suspect the card."
            )
        return checksum

    def remove(self, model: str) -> tuple[int, str]:
        """Delete a fetched model. Return the bytes that were freed, and what `delete_files` returns.

        Raises `ManifestError` for a folder that this program did not fetch: it belongs to the owner. Raises `OSError`.
        """
        folder = self.model_folder(model)
        receipt = read_receipt(folder)
        if receipt is None:
            raise ManifestError(f"{model!r} was not fetched by this program; remove its folder {folder} by hand.")
        files = files_of_model(folder / receipt.file)
        size = sum(file.stat().st_size for file in files if file.is_file())
        return size, delete_files(folder, files)

    def install(self, entry: Entry, staging: Path, checksum: str) -> None:
        """Move the complete folder `staging` to the model's place. A rename, so nobody sees half a model."""
        settings = staging / "model.yaml"
        if not settings.exists():
            settings.write_text(model_yaml(entry))
        name = flatten(staging, entry.file)
        files = tuple(sorted(str(path.relative_to(staging)) for path in staging.rglob("*") if path.is_file()))
        receipt = Receipt(file=name, sha256=checksum, repository=entry.repository, revision=entry.revision, files=files)
        (staging / RECEIPT).write_bytes(msgspec.json.encode(receipt))
        staging.replace(self.model_folder(entry.id))


def files_of_model(path: Path) -> list[Path]:
    """Return the files that make the model at `path`, the model file first. Raises `OSError`.

    They are its parts, its settings, what its engine reads beside it, and what a fetch put there. What a link leads to
    outside of its folder is none of it.
    """
    folder = path.parent
    receipt = read_receipt(folder)
    beside = () if gguf.named_gguf(path) else BESIDE
    names = (SETTINGS_FILE, *beside, *(receipt.files if receipt else ()), RECEIPT)
    files = dict.fromkeys([*parts_of(path), *(folder / name for name in names)])
    return [file for file in files if is_file_inside(folder, file)]


def is_file_inside(folder: Path, file: Path) -> bool:
    """Return whether `file` exists, is no folder, and lies in `folder` by the real paths of both. Does not raise."""
    if not Path(os.path.realpath(file.parent)).is_relative_to(os.path.realpath(folder)):
        return False
    return os.path.islink(file) or (os.path.exists(file) and not os.path.isdir(file))


def delete_files(folder: Path, files: Iterable[Path]) -> str:
    """Delete `files` of `folder`, and the folder if nothing else is in it. Raises `OSError`.

    Return what stays because it is something else, for the end of a sentence; empty where nothing stays.
    """
    parents = set()
    for file in files:
        file.unlink(missing_ok=True)
        parents.add(file.parent)
    for parent in sorted(parents, reverse=True):  # the deepest first
        with contextlib.suppress(OSError):
            parent.rmdir()
    return what_stays(folder)


def what_stays(folder: Path) -> str:
    """Return the names of some files in `folder`, and how many more there are; empty for a folder that is gone."""
    # As ASCII without line ends: the sentence may be a header.
    names = sorted(ascii(os.path.relpath(path, folder))[1:-1] for path in islice(files_below(folder), LOOKED_AT))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def files_below(folder: Path) -> Iterator[str]:
    """Yield the paths of all but folders below `folder`. What cannot be listed is left out.

    Looks into `LOOKED_AT` folders, one after the other: each level of a recursion would cost one of Python's calls.
    """
    pending = [str(folder)]
    for place in islice(pending, LOOKED_AT):
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    yield entry.path


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
