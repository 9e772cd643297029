"""Read ``models.yaml``: the models that can be fetched, where they are published and what they need."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from services.core.settings import nearest
from services.core.yaml_file import YamlError, read_yaml

MANIFEST = Path(__file__).parents[2] / "models.yaml"

Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Repository = Annotated[str, Meta(pattern=r"^[\w-][\w.-]*/[\w-][\w.-]*$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Soc = Literal["rk3588", "rk3576", "any"]


class ManifestError(Exception):
    """The manifest, a request to it or a fetch of a model failed; the message says why and what to do."""


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of the manifest; docs/models.md describes each key."""

    id: Id
    repository: Repository
    revision: str = "main"
    file: str
    sha256: Sha256 | None = None
    """None: nobody has verified it yet. The first download then takes the checksum that the hub reports."""
    size: Annotated[int, Meta(ge=1)]
    """Bytes; approximate where `sha256` is None."""
    soc: Soc
    memory: Annotated[int, Meta(ge=1)]
    """Megabytes in use while it runs, with its context."""
    runtime: str = ""
    """The lowest version of Rockchip's runtime that runs it."""
    context_length: Annotated[int, Meta(ge=1)]
    capabilities: tuple[str, ...] = ("chat", "completion")
    tokenizer: tuple[str, ...] = ()
    """Small files for exact token counts, fetched beside the model where the repository has them."""
    licence: str
    name: str
    description: str = ""


class ManifestFile(Struct, forbid_unknown_fields=True):
    """The content of a ``models.yaml``."""

    models: tuple[Entry, ...]


def load_manifest(path: Path) -> dict[str, Entry]:
    """Read the manifest and return its entries by id. Raises `ManifestError`."""
    try:
        manifest = msgspec.convert(read_yaml(path), ManifestFile)
    except YamlError as error:
        raise ManifestError(f"{path} {error}.") from error
    except (OSError, msgspec.ValidationError) as error:
        raise ManifestError(f"{path} cannot be used: {error}. Correct the file.") from error
    for entry in manifest.models:
        for name in (entry.file, *entry.tokenizer):
            # The names become paths on this disk, so none may lead out of the folder.
            check_path(name, entry.id)
    return {entry.id: entry for entry in manifest.models}


def check_path(name: str, model: str) -> None:
    """Check that the file `name` stays inside its model's folder. Raises `ManifestError`."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
        raise ManifestError(f"The file {name!r} of {model} leaves its folder; needed is a relative path without '..'.")


def find_entry(entries: dict[str, Entry], name: str) -> Entry:
    """Return the entry with the id `name`. Raises `ManifestError`, which suggests the nearest id."""
    if name not in entries:
        raise ManifestError(
            f"There is no model {name!r} in the manifest{nearest(name, entries)}. 'list' shows the models."
        )
    return entries[name]


def check_soc(entry: Entry, soc: str) -> None:
    """Check that the model runs on the chip `soc`: a conversion is bound to one. Raises `ManifestError`."""
    if entry.soc not in ("any", soc):
        machine = f"this board has the {soc.upper()}" if soc else "this machine is no supported board"
        raise ManifestError(
            f"{entry.id} was converted for {entry.soc.upper()}, and {machine}: the runtime would refuse the model. "
            "'list' shows what fits; --any-soc fetches it anyway."
        )
