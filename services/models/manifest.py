"""``models.yaml``: models that are known, where they are published and what they need."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

from services.core.settings import nearest

MANIFEST = Path(__file__).parents[2] / "models.yaml"

Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Repository = Annotated[str, Meta(pattern=r"^[\w-][\w.-]*/[\w-][\w.-]*$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Soc = Literal["rk3588", "rk3576", "any"]


class ManifestError(Exception):
    """The manifest or what is asked of it is wrong; the message says what and what to do."""


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model; docs/models.md describes each key."""

    id: Id
    repository: Repository
    revision: str = "main"
    file: str
    sha256: Sha256 | None = None
    """None: nobody verified it yet. The hub's own checksum is then taken at the first download and kept."""
    size: Annotated[int, Meta(ge=1)]
    """Bytes; about, where `sha256` is None."""
    soc: Soc
    memory: Annotated[int, Meta(ge=1)]
    """Megabytes it takes while it runs, its context included."""
    runtime: str = ""
    """Versions of Rockchip's runtime it is made for: the lowest."""
    context_length: Annotated[int, Meta(ge=1)]
    capabilities: tuple[str, ...] = ("chat", "completion")
    tokenizer: tuple[str, ...] = ()
    """Small files beside the model, for exact token counts; missing ones do no harm."""
    licence: str
    name: str
    description: str = ""


class File(Struct, forbid_unknown_fields=True):
    models: tuple[Entry, ...]


def load(path: Path) -> dict[str, Entry]:
    """The entries by id. Raises `ManifestError`."""
    try:
        found = msgspec.convert(yaml.safe_load(path.read_text()), File)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ManifestError(f"{path} cannot be used: {' '.join(str(error).split())}") from error
    for entry in found.models:
        for name in (entry.file, *entry.tokenizer):
            check_path(name, entry.id)
    return {entry.id: entry for entry in found.models}


def check_path(name: str, model: str) -> None:
    """A name inside a folder and nowhere else. Raises `ManifestError`."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
        raise ManifestError(f"The file {name!r} of {model} leaves its folder; needed is a relative path without '..'.")


def entry(entries: dict[str, Entry], name: str) -> Entry:
    """Raises `ManifestError` with the nearest id."""
    if name not in entries:
        raise ManifestError(f"There is no model {name!r} in the manifest{nearest(name, entries)}.")
    return entries[name]


def check_soc(wanted: Entry, soc: str) -> None:
    """A model file is bound to one SoC when it is converted. Raises `ManifestError`."""
    if wanted.soc not in ("any", soc):
        raise ManifestError(
            f"{wanted.id} was converted for {wanted.soc.upper()}, this is {soc.upper() if soc else 'no such board'}: "
            "its runtime would refuse it. 'list' shows what fits; --any-soc fetches it all the same."
        )
