"""List the models under ``models_dir``, each in a folder of its own, with their ids and aliases.

Every call looks at the folder again, but reads the files of a model only when they changed. So a model that appears,
changes or vanishes is noticed without a restart. The headers of a model are at most some 17 MB, and are read once.

What the owner wrote wrongly is a sentence in `Catalog.problems`, and the other models stay. What the machine or the
disk cannot read just now is a sentence too: the models that were known there stay, and no name is said to be unknown.
"""

from __future__ import annotations

import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from services.core.errors import ModelNotFound, Unavailable
from services.core.model import Model
from services.core.owner_files import is_passing
from services.core.printable import printable
from services.core.settings import Settings, nearest
from services.models import folder as model_folder
from services.models.model_files import SETTINGS_FILE, Unusable
from services.models.names import NAME_LENGTH, assign_aliases, spellings
from services.models.walk import Listing, list_files

DEPTH = 3
"""Levels of folders below ``models_dir`` that are searched: ``models_dir/owner/model/files``."""

MOST = 500
"""The most folders with a model file that are read: a first look at each reads some megabytes."""

RETRY = 5.0
"""Seconds until what could not be read is read again: a failing disk takes seconds for each try."""

log = logging.getLogger(__name__)

FolderState = tuple[tuple[str, int, int], ...]
"""Path, time of change in nanoseconds and size of each relevant file."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one folder: a model, or why there is none."""

    signatures: FolderState
    model: Model | None = None
    problem: str = ""
    failure: str = ""
    """What could not be read just now; the folder is read again, whether it changed or not."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The models folder at one moment."""

    state: object = None
    models: tuple[Model, ...] = ()
    names: Mapping[str, Model] = field(default_factory=dict)
    """Each model by its id and by its aliases."""
    problems: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


class Catalog:
    """The models of one folder. Usable from any thread; each call walks through the folder (one stat per file)."""

    def __init__(
        self,
        settings: Settings,
        engines: Mapping[str, str],
        tool_families: Collection[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the settings; the first call of a method reads the folder.

        `engines` has for the suffix of a model file (``.gguf``) the engine that drives it, where its ``model.yaml``
        names no other. `tool_families` are the names that ``tools`` in a ``model.yaml`` may have; None for any.
        """
        self._dir, self._engines, self._tool_families = settings.models_dir, engines, tool_families
        self._default_length, self._max_length = settings.context_length_default, settings.context_length_max
        self._clock, self._retry_at = clock, 0.0
        self._known: dict[Path, Known] = {}
        self._snapshot = Snapshot()

    def models(self) -> tuple[Model, ...]:
        """Return the usable models: first those that chat, each kind sorted by id. Does not raise."""
        return self._current().models

    def problems(self) -> tuple[str, ...]:
        """Return a sentence for each folder or alias that cannot be used: what is wrong and what to do."""
        current = self._current()
        return (*current.problems, *current.failures)

    def resolve(self, name: str) -> Model:
        """Return the model with this id or alias, in any capitalisation, with or without a tag as Ollama has them.

        Raises `ModelNotFound`, and `Unavailable` where a part of the folder could not be read.
        """
        if len(name) > NAME_LENGTH:
            raise ModelNotFound(
                f"The name of the model has {len(name)} characters; names have at most {NAME_LENGTH}. "
                "GET /v1/models lists them.",
                param="model",
            )
        current = self._current()
        for spelling in spellings(name):
            if spelling in current.names:
                return current.names[spelling]
        if current.failures:
            raise Unavailable(
                f"The models could not all be read, so nobody knows whether there is a model {name!r}: "
                f"{current.failures[0]}. Try again in some seconds."
            )
        hint = nearest(name, current.names) if current.names else f"; there is none in {self._dir}"
        raise ModelNotFound(f"There is no model {name!r}{hint}. GET /v1/models lists them.", param="model")

    def _current(self) -> Snapshot:
        """Return the last snapshot, or a new one where a file changed or could not be read before."""
        if self._snapshot.failures and self._clock() < self._retry_at:
            return self._snapshot
        listing = list_files(self._dir, DEPTH, self._is_wanted)
        state = (tuple(file_signatures(sorted(listing.files))), listing.problems, listing.failures)
        if state != self._snapshot.state or self._snapshot.failures:
            self._snapshot = self._read(state, listing)
            self._retry_at = self._clock() + RETRY
        return self._snapshot

    def _is_wanted(self, name: str) -> bool:
        return self._is_model(name) or name in (SETTINGS_FILE, *model_folder.BESIDE)

    def _is_model(self, name: str) -> bool:
        return os.path.splitext(name)[1].lower() in self._engines

    def _read(self, state: object, listing: Listing) -> Snapshot:
        """Read the models and log what is wrong with the others, once per change."""
        self._known = self._read_folders(listing)
        unnamed, same_ids = drop_same_ids(self._known.values())
        models, alias_problems = assign_aliases(unnamed)
        own = [known.problem for known in self._known.values() if known.problem]
        problems = [*listing.problems, *own, *same_ids, *alias_problems]
        failures = [*listing.failures.values(), *(known.failure for known in self._known.values() if known.failure)]
        for sentence in map(printable, (*problems, *failures)):
            log.warning("%s", sentence)
        log.info("Models in %s: %s", self._dir, ", ".join(model.id for model in models) or "none")
        names = {alias: model for model in models for alias in model.aliases}
        return Snapshot(
            state,
            tuple(sorted(models, key=chats_first)),
            names | {model.id: model for model in models},
            tuple(map(printable, problems)),
            tuple(map(printable, failures)),
        )

    def _read_folders(self, listing: Listing) -> dict[Path, Known]:
        """Return what is known of each folder with a model file, now or before it could not be listed."""
        folders = {
            folder: files
            for folder, files in group_by_folder(listing.files).items()
            if any(self._is_model(file.name) for file in files)
        }
        known = {folder: self._read_folder(folder, files) for folder, files in islice(folders.items(), MOST)}
        if len(folders) > MOST:
            beyond = list(folders)[MOST]
            known[beyond] = Known(
                (), problem=f"{beyond} and the model folders after it are not used: only {MOST} are. Remove some."
            )
        hidden = {
            folder: before
            for folder, before in self._known.items()
            if folder not in known and any(folder.is_relative_to(failed) for failed in listing.failures)
        }
        return known | hidden

    def _read_folder(self, folder: Path, files: Sequence[Path]) -> Known:
        """Return what is known of `folder`. Reads its files only if they changed, or could not be read before."""
        signatures = tuple(file_signatures(files))
        before = self._known.get(folder)
        if before and before.signatures == signatures and not before.failure:
            return before
        try:
            return Known(signatures, self._read_model(folder, [file for file in files if self._is_model(file.name)]))
        except Unusable as error:
            return Known(signatures, problem=f"The model folder {folder} is not used: {error}.")
        except OSError as error:
            sentence = f"The model folder {folder} cannot be read: {error.strerror}"
            if not is_passing(error):
                return Known(signatures, problem=f"{sentence}.")
            return Known(signatures, before.model if before else None, failure=sentence)
        except Exception as error:  # a mistake of the server's own: it may cost this model, and no other
            log.exception("The model folder %s cannot be read", printable(str(folder)))
            return Known(signatures, problem=f"The model folder {folder} is not used: {error!r}; the log says more.")

    def _read_model(self, folder: Path, files: Sequence[Path]) -> Model:
        if folder == self._dir:  # a folder's name is the model's id
            raise Unusable(f"{files[0].name} is directly in it; give it a folder of its own")
        return model_folder.read_model(
            folder, files, self._default_length, self._max_length, self._engines, self._tool_families
        )


def drop_same_ids(known: Iterable[Known]) -> tuple[list[Model], list[str]]:
    """Return one model per id, sorted by it, and a sentence for each folder that is not used for that."""
    models: dict[str, Model] = {}
    problems = []
    for model in (each.model for each in known if each.model):
        other = models.setdefault(model.id, model)
        if other is not model:
            problems.append(
                f"The model folder {model.path.parent} is not used: its id {model.id!r} is that of "
                f"{other.path.parent}; rename one of them."
            )
    return [models[key] for key in sorted(models)], problems


def chats_first(model: Model) -> tuple[bool, str]:
    """Return a key to sort by: many clients chat with the first model of a list."""
    return "chat" not in model.capabilities, model.id


def file_signatures(files: Sequence[Path]) -> Iterator[tuple[str, int, int]]:
    """Yield path, time of change in nanoseconds and size of each file that still exists.

    It is the time of the inode, so that a file is read again when its owner corrected its rights.
    """
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        yield str(file), status.st_ctime_ns, status.st_size


def group_by_folder(files: Iterable[Path]) -> dict[Path, list[Path]]:
    """Return the files of each folder, sorted."""
    folders = defaultdict(list)
    for file in sorted(files):
        folders[file.parent].append(file)
    return folders
