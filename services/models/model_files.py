"""Choose the files of the one model in a folder. Files beside it that are no language model never hide it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from services.core.owner_files import is_passing, open_regular, read_beginning
from services.models import gguf

SETTINGS_FILE = "model.yaml"

Metadata = dict[str, gguf.Value]

SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")
"""End of the name of each part of a split GGUF, before ``.gguf``."""

NO_MODEL_NAMES = (
    (re.compile(r"(?<![a-z])mmproj(?![a-z])"), "an image encoder"),
    (re.compile(r"[-_.]imatrix$"), "an importance matrix"),
)
"""Names, in lower case and without suffix, of files that are no language model. ``imatrix`` in the middle of a
name is that of a model that was quantised with one."""

LFS_POINTER = b"version https://git-lfs"

BEGINNINGS = (
    (LFS_POINTER, "is a Git LFS pointer and not the model; run 'git lfs pull' in its repository"),
    (b"/annex/objects/", "is a git-annex pointer and not the model; run 'git annex get' in its repository"),
    (b"<!doctype", "is a web page and not the model; fetch it again, logged in where its repository asks for that"),
    (b"<html", "is a web page and not the model; fetch it again, logged in where its repository asks for that"),
    (bytes(len(LFS_POINTER)), "begins with zeros, as a download that is not complete; fetch it again"),
)
"""The first bytes, in lower case, of files that are no model in any format."""


class Unusable(Exception):
    """The folder has no usable model; the message says why and what to do. It reads on from "is not used:"."""


def choose_model(files: Sequence[Path], name: str | None) -> tuple[list[Path], Metadata]:
    """Return the files of the one model among `files`, in order, and its metadata; `name` selects one of several.

    Reads the beginnings of the files. Raises `Unusable`, and `OSError` where the disk fails.
    """
    groups = group_parts(files)
    if name is not None:
        if (chosen := without_part(Path(name))) not in groups:
            raise Unusable(f"its {SETTINGS_FILE} names the file {name[:200]!r}, which is not there; correct the name")
        groups = {chosen: groups[chosen]}
    usable, others = {}, []
    for model, parts in groups.items():
        try:
            usable[model] = check_model(parts)
        except Unusable as reason:
            others.append(reason)
    if not usable:
        raise others[0]
    if len(usable) > 1:
        raise Unusable(
            f"it has {len(usable)} models ({', '.join(usable)}); give each a folder of its own, or name the one to use "
            f"in {SETTINGS_FILE} (file: ...)"
        )
    ((model, metadata),) = usable.items()
    return groups[model], metadata


def group_parts(files: Iterable[Path]) -> dict[str, list[Path]]:
    """Return the files of each model, in order, by the name that all its parts share."""
    groups = defaultdict(list)
    for file in sorted(files):
        groups[without_part(file)].append(file)
    return groups


def parts_of(path: Path) -> list[Path]:
    """Return the files in the folder of `path` that are parts of the same model. Raises `OSError`."""
    return group_parts(path.parent.iterdir())[without_part(path)]


def without_part(file: Path) -> str:
    """Return the file's name without its part number, which is the same for all parts of a model."""
    return SHARD.sub("", file.stem) + file.suffix.lower()


def check_model(parts: Sequence[Path]) -> Metadata:
    """Return the metadata of a model with these files, empty without a GGUF.

    Raises `Unusable` where they are no language model, and `OSError` where the disk fails.
    """
    check_complete(parts)
    first = parts[0]
    for pattern, kind in NO_MODEL_NAMES:
        if pattern.search(SHARD.sub("", first.stem).lower()):
            raise no_model(first, kind)
    try:
        check_beginning(first)
        metadata = gguf.read_metadata(first) if gguf.named_gguf(first) else {}
    except gguf.NotGguf as error:
        raise Unusable(f"{first.name} is no model that llama.cpp can read: {error}; fetch it again") from error
    except OSError as error:
        if is_passing(error):
            raise
        raise Unusable(f"{first.name} cannot be read: {error.strerror}") from error
    if kind := gguf.no_model_kind(metadata):
        raise no_model(first, kind)
    return metadata


def check_complete(parts: Sequence[Path]) -> None:
    """Check that all parts of a split model are there. Raises `Unusable`."""
    # llama.cpp loads the first part and looks for the others by itself.
    match = SHARD.search(parts[0].stem)
    if match and len(parts) != int(match[2]):
        raise Unusable(f"{len(parts)} of the {int(match[2])} parts of {parts[0].name} are there; fetch the others")


def check_beginning(path: Path) -> None:
    """Check that a file does not begin as none of a model does. Raises `Unusable` and `OSError`."""
    with open_regular(path) as file:
        beginning = read_beginning(file, len(LFS_POINTER)).lower()
    if not beginning:
        raise Unusable(f"{path.name} is empty; fetch it again")
    for sign, sentence in BEGINNINGS:
        if beginning.startswith(sign):
            raise Unusable(f"{path.name} {sentence}")


def no_model(path: Path, kind: str) -> Unusable:
    """Return the reason for not using a file that is `kind`."""
    return Unusable(f"{path.name} is {kind} and no language model; put the model's own file beside it")
