"""List the models under ``models_dir``, each in a folder of its own, with their ids and aliases.

Every call looks at the folder again, but reads files only when something changed. So a model that appears, changes or
vanishes is noticed without a restart.
"""

from __future__ import annotations

import logging
import os
import re
from collections import defaultdict
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from services.core.errors import ModelNotFound
from services.core.model import Model
from services.core.settings import Settings, nearest
from services.models import folder as model_folder

DEPTH = 3
"""Levels of folders below ``models_dir`` that are searched: ``models_dir/owner/model/files``."""

PROJECTOR = "mmproj"
"""Beginning of the names of GGUF files with an image encoder instead of a language model."""

log = logging.getLogger(__name__)

FolderState = tuple[tuple[str, int, int], ...]
"""Path, modification time in nanoseconds and size of each relevant file."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The models folder at one moment."""

    state: FolderState = ()
    models: tuple[Model, ...] = ()
    names: Mapping[str, Model] = field(default_factory=dict)
    """Each model by its id and by its aliases."""
    problems: tuple[str, ...] = ()


class Catalog:
    """The models of one folder. Usable from any thread; each call walks through the folder (one stat per file)."""

    def __init__(
        self, settings: Settings, engines: Mapping[str, str], tool_families: Collection[str] | None = None
    ) -> None:
        """Keep the settings; the first call of a method reads the folder.

        `engines` has for the suffix of a model file (``.gguf``) the engine that drives it, where its ``model.yaml``
        names no other. `tool_families` are the names that ``tools`` in a ``model.yaml`` may have; None for any.
        """
        self._dir, self._engines, self._tool_families = settings.models_dir, engines, tool_families
        self._default_length, self._max_length = settings.context_length_default, settings.context_length_max
        self._snapshot = Snapshot(state=(("", 0, 0),))

    def models(self) -> tuple[Model, ...]:
        """Return the usable models, sorted by id."""
        return self._current().models

    def problems(self) -> tuple[str, ...]:
        """Return a sentence for each folder or alias that cannot be used: what is wrong and what to do."""
        return self._current().problems

    def resolve(self, name: str) -> Model:
        """Return the model with this id or alias, in any capitalisation. Raises `ModelNotFound`."""
        names = self._current().names
        model = names.get(name) or names.get(model_folder.model_id(name))
        if model is None:
            hint = nearest(name, names) if names else f"; there is none in {self._dir}"
            raise ModelNotFound(f"There is no model {name!r}{hint}. GET /v1/models lists them.", param="model")
        return model

    def _current(self) -> Snapshot:
        """Return the last snapshot, or a new one where a file changed."""
        files = sorted(find_files(self._dir, DEPTH, self._engines))
        state = tuple(file_signatures(files))
        if state != self._snapshot.state:
            self._snapshot = self._read(state, files)
        return self._snapshot

    def _read(self, state: FolderState, files: Sequence[Path]) -> Snapshot:
        """Read the models and log what is wrong with the others, once per change."""
        unnamed, folder_problems = self._read_folders(files)
        models, alias_problems = assign_aliases(unnamed)
        problems = [*folder_problems, *alias_problems]
        for problem in problems:
            log.warning("%s", problem)
        log.info("Models in %s: %s", self._dir, ", ".join(model.id for model in models) or "none")
        names = {alias: model for model in models for alias in model.aliases}
        return Snapshot(state, tuple(models), names | {model.id: model for model in models}, tuple(problems))

    def _read_folders(self, files: Sequence[Path]) -> tuple[list[Model], list[str]]:
        """Return one model per id, sorted, and a sentence for each folder that is not used."""
        models: dict[str, Model] = {}
        problems = []
        for folder, model_files in group_by_folder(files, self._engines).items():
            try:
                model = self._read_folder(folder, model_files)
            except (model_folder.Unusable, OSError) as error:
                problems.append(f"The model folder {folder} is not used: {error}.")
                continue
            other = models.setdefault(model.id, model)
            if other is not model:
                problems.append(
                    f"The model folder {folder} is not used: its id {model.id!r} is that of {other.path.parent}; "
                    "rename one of them."
                )
        return [models[key] for key in sorted(models)], problems

    def _read_folder(self, folder: Path, files: Sequence[Path]) -> Model:
        if folder == self._dir:  # a folder's name is the model's id
            raise model_folder.Unusable(f"{files[0].name} is directly in it; give it a folder of its own")
        return model_folder.read_model(
            folder, files, self._default_length, self._max_length, self._engines, self._tool_families
        )


def find_files(folder: Path, depth: int, suffixes: Container[str]) -> Iterator[Path]:
    """Yield the model files and the files read with them in `folder` and `depth` levels below.

    A folder that cannot be listed counts as empty.
    """
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir():
            if depth and not entry.name.startswith("."):
                yield from find_files(path, depth - 1, suffixes)
        elif is_model(path, suffixes) or entry.name in (model_folder.SETTINGS_FILE, *model_folder.BESIDE):
            yield path


def is_model(path: Path, suffixes: Container[str]) -> bool:
    """Return whether `path` names a file with a language model."""
    return path.suffix.lower() in suffixes and not path.name.lower().startswith((PROJECTOR, "."))


def file_signatures(files: Sequence[Path]) -> Iterator[tuple[str, int, int]]:
    """Yield path, modification time in nanoseconds and size of each file that still exists."""
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        yield str(file), status.st_mtime_ns, status.st_size


def group_by_folder(files: Sequence[Path], suffixes: Container[str]) -> dict[Path, list[Path]]:
    """Return the model files among `files`, by their folder."""
    folders = defaultdict(list)
    for file in files:
        if is_model(file, suffixes):
            folders[file.parent].append(file)
    return folders


def assign_aliases(models: Sequence[Model]) -> tuple[list[Model], list[str]]:
    """Return the models with all their aliases, and a sentence for each alias in a ``model.yaml`` that is not used.

    An alias never hides an id. One from a ``model.yaml`` has priority over a derived one. An alias that several models
    claim with the same priority is not used for any of them, since a guess could answer with the wrong model.
    """
    ids = {model.id for model in models}
    written = claimants_by_alias({model.id: model.aliases for model in models})
    derived = claimants_by_alias({model.id: derived_aliases(model.id) for model in models})
    assigned: dict[str, list[str]] = defaultdict(list)
    problems = []
    for alias in sorted({*written, *derived}):
        claimants = written.get(alias) or derived[alias]
        reason = "is the id of a model" if alias in ids else f"is claimed by {', '.join(claimants)}"
        if alias not in ids and len(claimants) == 1:
            assigned[claimants[0]].append(alias)
        elif alias in written:
            problems.append(
                f"The alias {alias!r} of {', '.join(written[alias])} is not used: it {reason}. Choose another."
            )
        elif len(claimants) > 1:
            log.info("The alias %r is not used: it %s", alias, reason)
    return [replace(model, aliases=tuple(assigned[model.id])) for model in models], problems


def claimants_by_alias(aliases: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return for each alias the ids of the models that claim it, from the aliases of each id."""
    claimants = defaultdict(list)
    for claimant, claimed in aliases.items():
        for alias in dict.fromkeys(claimed):
            claimants[alias].append(claimant)
    return claimants


def derived_aliases(model_id: str) -> list[str]:
    """Return shorter names for a model: ``qwen2.5-1.5b-4k`` -> ``qwen2.5-1.5b``, ``qwen2.5``, ``qwen2``, ``qwen``.

    They are each beginning of the id up to a hyphen, and its first part up to the dot and up to the first non-letter.
    """
    parts = model_id.split("-")
    first = parts[0]
    aliases = ["-".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]
    letters = re.match(r"[^\W\d_]+", first)
    aliases += [first.partition(".")[0], letters[0] if letters else ""]
    return [alias for alias in dict.fromkeys(aliases) if alias and alias != model_id]
