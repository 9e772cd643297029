"""Remove a model: unload it, then delete it from the disk."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from pathlib import Path

from services.answering.fetching import check_writable
from services.answering.service import Service
from services.core.client import Client
from services.core.errors import BadRequest, ModelNotFound, Unavailable
from services.core.events import Waiting
from services.core.model import Model

REMOVING = ".removing-"
"""Prefix of a folder that is being deleted. The catalogue skips folders that begin with a dot."""


def remove(service: Service, name: str, client: Client) -> Generator[Waiting]:
    """Unload the model with the id `name`, then delete its folder. Yields while it waits for the slot.

    An alias is refused, because it may move to another model. Blocks as `Scheduler.unload` does, and raises the same;
    also `ModelNotFound`, `BadRequest` for a folder that is not the model's own, and `Unavailable` if it is not
    writable.
    """
    models = service.catalog.models()
    model = next((model for model in models if model.id == name), None)
    if model is None:
        raise ModelNotFound(f"There is no model with the id {name!r}; GET /api/tags lists them.", param="model")
    folder = own_folder(model, [other for other in models if other.id != name], service.settings.models_dir)
    check_writable(folder.parent)
    yield from service.scheduler.unload(client, model)
    remove_folder(folder)


def own_folder(model: Model, others: list[Model], root: Path) -> Path:
    """Return the folder of `model`. Raises `BadRequest` if it contains `others` or is not inside `root`."""
    folder = model.path.parent
    shared = any(other.path.is_relative_to(folder) for other in others)
    if shared or folder.is_symlink() or root.resolve() not in folder.resolve().parents:
        raise BadRequest(
            f"The folder of {model.id!r} is not its own inside {root}: it is a link, or holds other models. "
            "Remove it by hand.",
            param="model",
        )
    return folder


def remove_folder(folder: Path) -> None:
    """Delete `folder`. Raises `Unavailable`.

    It is renamed first, in one step, so the catalogue never sees half of a model.
    """
    hidden = folder.with_name(REMOVING + folder.name)
    try:
        # A removal that was interrupted may have left it behind.
        shutil.rmtree(hidden, ignore_errors=True)
        shutil.rmtree(folder.rename(hidden))
    except OSError as error:
        raise Unavailable(f"{folder} could not be removed: {error.strerror}. Remove it by hand.") from error
