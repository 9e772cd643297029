"""The models under ``models_dir``, each in a folder of its own, and the names they answer to.

The folder is looked at again at every question; files are read only when something in it changed, so a model that
appears, changes or vanishes is noticed without a restart.
"""

from __future__ import annotations

import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from services.core.errors import ModelNotFound
from services.core.model import Model
from services.core.settings import Settings, nearest
from services.models import folder as model_folder

DEPTH = 3
"""Folders below ``models_dir`` that are looked into: ``models_dir/owner/model/files``."""

PROJECTOR = "mmproj"
"""GGUF files that begin so hold an image encoder and no language model."""

log = logging.getLogger(__name__)

Signature = tuple[tuple[str, int, int], ...]
"""Path, time of change in nanoseconds and size of each file that matters."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the folder held at one moment."""

    signature: Signature = ()
    models: tuple[Model, ...] = ()
    names: Mapping[str, Model] = field(default_factory=dict)
    """Ids and aliases."""
    problems: tuple[str, ...] = ()


class Catalog:
    """May be used from any thread; every question costs one walk through the folder (a stat per file)."""

    def __init__(self, settings: Settings) -> None:
        """Reads nothing yet."""
        self._dir = settings.models_dir
        self._default_length, self._max_length = settings.context_length_default, settings.context_length_max
        self._snapshot = Snapshot(signature=(("", 0, 0),))

    def models(self) -> tuple[Model, ...]:
        """The usable models, by id."""
        return self._look().models

    def problems(self) -> tuple[str, ...]:
        """A sentence for each folder or name that is not as its owner meant it."""
        return self._look().problems

    def resolve(self, name: str) -> Model:
        """The model of an id or alias, however it is capitalised. Raises `ModelNotFound`."""
        names = self._look().names
        found = names.get(name) or names.get(model_folder.model_id(name))
        if found is None:
            hint = nearest(name, names) if names else f"; there is none in {self._dir}"
            raise ModelNotFound(f"There is no model {name!r}{hint}. GET /v1/models lists them.", param="model")
        return found

    def _look(self) -> Snapshot:
        files = sorted(walk(self._dir, DEPTH))
        signature = tuple(signed(files))
        if signature != self._snapshot.signature:
            self._snapshot = self._read(signature, files)
        return self._snapshot

    def _read(self, signature: Signature, files: Sequence[Path]) -> Snapshot:
        found, problems = self._found(files)
        models, more = named(found)
        for problem in (problems := [*problems, *more]):
            log.warning("%s", problem)
        log.info("Models in %s: %s", self._dir, ", ".join(model.id for model in models) or "none")
        names = {alias: model for model in models for alias in model.aliases}
        return Snapshot(signature, tuple(models), names | {model.id: model for model in models}, tuple(problems))

    def _found(self, files: Sequence[Path]) -> tuple[list[Model], list[str]]:
        """The models of all folders, each id once, and what is wrong with the others."""
        models: dict[str, Model] = {}
        problems = []
        for folder, inside in by_folder(files).items():
            try:
                model = self._model(folder, inside)
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

    def _model(self, folder: Path, files: Sequence[Path]) -> Model:
        if folder == self._dir:
            raise model_folder.Unusable(f"{files[0].name} lies in it directly; give it a folder of its own")
        return model_folder.read(folder, files, self._default_length, self._max_length)


def walk(folder: Path, depth: int) -> Iterator[Path]:
    """Model files and what belongs to them in and below `folder`; what cannot be listed counts as empty."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir():
            if depth and not entry.name.startswith("."):
                yield from walk(path, depth - 1)
        elif is_model(path) or entry.name in (model_folder.SETTINGS_FILE, *model_folder.BESIDE):
            yield path


def is_model(path: Path) -> bool:
    return path.suffix.lower() in model_folder.ENGINES and not path.name.lower().startswith((PROJECTOR, "."))


def signed(files: Sequence[Path]) -> Iterator[tuple[str, int, int]]:
    for file in files:
        try:
            found = file.stat()
        except OSError:
            continue
        yield str(file), found.st_mtime_ns, found.st_size


def by_folder(files: Sequence[Path]) -> dict[Path, list[Path]]:
    """Model files by their folder."""
    found = defaultdict(list)
    for file in files:
        if is_model(file):
            found[file.parent].append(file)
    return found


def named(models: Sequence[Model]) -> tuple[list[Model], list[str]]:
    """The models with all the aliases they get, and a sentence for each alias of an owner that cannot be given.

    An id is never shadowed by an alias. An alias that an owner wrote goes before a derived one, and what several
    models claim with equal right nobody gets: the log says so.
    """
    ids = {model.id for model in models}
    written = claims({model.id: model.aliases for model in models})
    derived = claims({model.id: derived_aliases(model.id) for model in models})
    given: dict[str, list[str]] = defaultdict(list)
    problems = []
    for alias in sorted({*written, *derived}):
        claimants = written.get(alias) or derived[alias]
        reason = "is the id of a model" if alias in ids else f"is claimed by {', '.join(claimants)}"
        if alias not in ids and len(claimants) == 1:
            given[claimants[0]].append(alias)
        elif alias in written:
            problems.append(f"The alias {alias!r} of {', '.join(written[alias])} is not used: it {reason}.")
        elif len(claimants) > 1:
            log.info("The alias %r is not given: it %s", alias, reason)
    return [replace(model, aliases=tuple(given[model.id])) for model in models], problems


def claims(aliases: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Who claims each alias."""
    found = defaultdict(list)
    for claimant, wanted in aliases.items():
        for alias in dict.fromkeys(wanted):
            found[alias].append(claimant)
    return found


def derived_aliases(model_id: str) -> list[str]:
    """Shorter names: each beginning of the id up to a hyphen, and of its first part the letters and what is before a
    dot. ``qwen2.5-1.5b-4k`` -> ``qwen2.5-1.5b``, ``qwen2.5``, ``qwen2``, ``qwen``."""
    parts = model_id.split("-")
    first = parts[0]
    wanted = ["-".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]
    letters = re.match(r"[^\W\d_]+", first)
    wanted += [first.partition(".")[0], letters[0] if letters else ""]
    return [alias for alias in dict.fromkeys(wanted) if alias and alias != model_id]
