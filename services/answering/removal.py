"""Remove a model: unload it, then delete its files from the disk."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable
from pathlib import Path

from services.answering.fetching import check_writable
from services.answering.service import Service
from services.core.client import Client
from services.core.errors import BadRequest, ModelNotFound, Unavailable
from services.core.events import Notice, Waiting
from services.core.model import Model
from services.models.names import find_id
from services.models.store import delete_files, files_of_model

log = logging.getLogger(__name__)


def remove(service: Service, name: str, client: Client) -> Generator[Waiting | Notice]:
    """Unload the model whose id a client means by `name`, then delete its files.

    Its folder is deleted too if nothing else is in it. Yields while it waits for the slot, and a notice about what
    stays in the folder.

    An alias is refused, because it may move to another model. Blocks as `Scheduler.unload` does, and raises the same;
    also `ModelNotFound`, `BadRequest` for a folder that is not the model's own, and `Unavailable` if it is not
    writable.
    """
    models = {model.id: model for model in service.catalog.models()}
    found = find_id(name, models)
    if found is None:
        raise ModelNotFound(f"There is no model with the id {name!r}; GET /api/tags lists them.", param="model")
    model = models.pop(found)
    folder = own_folder(model, models.values(), service.settings.models_dir)
    for place in (folder.parent, folder):
        check_writable(place)
    yield from service.scheduler.unload(client, model)
    if stays := remove_files(model):
        log.info("The folder %s stays: %s", folder, stays)
        yield Notice("warning", f"the folder stays, since it has other files: {stays}")


def own_folder(model: Model, others: Iterable[Model], root: Path) -> Path:
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


def remove_files(model: Model) -> str:
    """Delete the files of `model`, as `delete_files` does, and return what stays. Raises `Unavailable`."""
    folder = model.path.parent
    try:
        return delete_files(folder, files_of_model(model.path))
    except OSError as error:
        raise Unavailable(f"{folder} could not be removed: {error.strerror}. Remove it by hand.") from error
