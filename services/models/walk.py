"""Find files in a folder and the folders below it. What cannot be listed is told, and never hides the rest."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from services.core.owner_files import is_passing

ENTRIES = 20_000
"""The most files and folders that a walk looks at: a list is made for each request, and this many take 20 ms or so."""

FOLDERS = 1_000
"""The most folders that a walk lists, and links to folders that it follows: each takes as long as many files."""


@dataclass(slots=True)
class Listing:
    """What a walk found."""

    files: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """A sentence for each folder that cannot be listed, for a reason that lies in the folder."""
    failures: dict[Path, str] = field(default_factory=dict)
    """The folders that the machine or the disk could not list just now, each with a sentence."""


def list_files(root: Path, depth: int, wanted: Callable[[str], bool]) -> Listing:
    """Return the files with `wanted` names in `root` and `depth` levels of folders below. Never raises `OSError`.

    Names that begin with a dot are not looked at. Links are followed, but each folder is listed once, by its own path
    where that is below `root`: so loops of links end, and a link never hides what it leads to.
    """
    found = Listing()
    pending = deque([(str(root), depth)])
    seen: set[tuple[int, int]] = set()
    left, looked = ENTRIES, 0
    while pending and left > 0 and looked < FOLDERS:
        place, below = pending.popleft()
        folder = Path(place)
        looked += 1
        try:
            if (identity := identity_of(folder)) in seen:
                continue
            seen.add(identity)
            entries = list_entries(folder, left)
        except OSError as error:
            note(found, folder, error)
            continue
        left -= len(entries)
        for entry, is_folder in entries:
            if is_folder and below:
                # Links come last.
                (pending.append if entry.is_symlink() else pending.appendleft)((entry.path, below - 1))
            elif not is_folder and wanted(entry.name):
                found.files.append(Path(entry.path))
    if pending or left <= 0:
        most = f"{ENTRIES} files and folders" if left <= 0 else f"{FOLDERS} folders"
        found.problems.append(
            f"{root} has more than {most}, and only so many are looked at: name a folder that "
            "has models alone as models_dir"
        )
    return found


def identity_of(folder: Path) -> tuple[int, int]:
    """Return what is the same for all paths of a folder. Raises `OSError`."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def list_entries(folder: Path, most: int) -> list[tuple[os.DirEntry[str], bool]]:
    """Return the entries of a folder, `most` at most, and whether each is a folder. Raises `OSError`."""
    with os.scandir(folder) as entries:
        return [(entry, is_folder(entry)) for entry in islice(entries, most) if not entry.name.startswith(".")]


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder or a link to one. Raises `OSError` where the disk fails."""
    try:
        return entry.is_dir()
    except OSError as error:
        if is_passing(error):
            raise
        return False  # a link that leads to itself


def note(found: Listing, folder: Path, error: OSError) -> None:
    """Add what is wrong with `folder` to the listing; nothing where it does not exist (any more)."""
    if is_passing(error):
        found.failures[folder] = f"{folder} cannot be read just now: {error.strerror}"
    elif error.errno != errno.ENOENT:
        found.problems.append(
            f"{folder} cannot be read: {error.strerror}; give the user of the server the rights to read and search it"
        )
