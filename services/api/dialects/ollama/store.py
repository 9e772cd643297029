"""Models come and go: ``/api/pull`` from the manifest, ``/api/delete``. For administrators."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import falcon

from services.answering.service import Service
from services.api.dialects.ollama import answers as ollama
from services.api.dialects.ollama.models import TAG
from services.api.dialects.ollama.resources import Resource
from services.api.dialects.ollama.types import NamedRequest
from services.api.dialects.openai.resources import finished
from services.api.http import errors
from services.api.http.auth import require_admin
from services.api.http.body import client
from services.api.http.stream import guarded, primed, write_json, write_stream
from services.core.client import Client
from services.core.errors import BadRequest, EngineFailed, FetchFailed, ModelNotFound, NotFound, Unavailable
from services.core.model import Model
from services.engines.registry import worker_env
from services.engines.worker.child import Child
from services.engines.worker.parent import worker_argv
from services.models import board, fetch, manifest
from services.models.manifest import Entry, ManifestError
from services.models.store import Store

Status = dict[str, Any]

QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}
"""The progress is read from the disk; bars would fill the log."""

REMOVING = ".removing-"
"""Prefix of a folder that is deleted; the catalogue looks into no folder that begins with a dot."""


def model_id(request: NamedRequest) -> str:
    """The id a request means. Raises `BadRequest`."""
    name = request.model or request.name
    if not name:
        raise BadRequest("The request names no model.", param="model")
    return name.removesuffix(TAG).replace(":", "-").lower()


def check_writable(folder: Path) -> None:
    """Makes the folder where it is missing. Raises `Unavailable`."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise Unavailable(
            f"The server may not write into {folder}, as in the container. Use scripts/models.sh; see docs/models.md."
        )


class Pull(Resource):
    """``/api/pull``: fetches a model of the manifest, in a process of its own."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._store = Store(service.settings.models_dir)
        self._fetching: set[str] = set()

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        require_admin(req)
        request = self._service.parse(req, NamedRequest)
        statuses = self._statuses(model_id(request), client(req), req.context.id)
        if request.stream is False:
            *_, last = statuses
            write_json(resp, last)
        else:
            tell = guarded(lines(statuses), lambda error: ollama.line(errors.ollama_body(error)))
            write_stream(resp, ollama.NDJSON, primed(tell))

    def _statuses(self, name: str, who: Client, about: str) -> Generator[Status]:
        """Raises `NotFound`, `BadRequest`, `Unavailable`, `FetchFailed`; closing it ends the fetch, to be resumed."""
        if all(model.id != name for model in self._service.catalog.models()):
            entry = self._entry(name)
            with self._alone(name):
                yield {"status": "pulling manifest"}
                yield from self._fetch(entry, who, about)
        yield {"status": "success"}

    def _entry(self, name: str) -> Entry:
        try:
            entries = manifest.load(manifest.MANIFEST)
            if name not in entries:
                raise NotFound(f"There is no model {name!r} in the manifest: {', '.join(entries)}.", param="model")
            manifest.check_soc(entries[name], board.soc())
        except ManifestError as error:
            raise BadRequest(str(error), param="model") from error
        check_writable(self._store.folder)
        return entries[name]

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        if name in self._fetching:
            raise Unavailable(f"{name} is being fetched already, for another request.")
        self._fetching.add(name)
        try:
            yield
        finally:
            self._fetching.discard(name)

    def _fetch(self, entry: Entry, who: Client, about: str) -> Iterator[Status]:
        child = Child(argv(self._store.folder, entry), {**worker_env(), **QUIET}, entry.id)
        child.about = about
        try:
            for said in child.lines(self._service.settings.heartbeat_interval, who):
                if said is not None and said.startswith(f"{entry.id} is there".encode()):
                    return
                yield progress(entry, fetch.bytes_present(self._store, entry))
        except EngineFailed as error:
            raise FetchFailed(child.last_words.removeprefix("error: ") or error.message) from error
        finally:
            child.kill()


def argv(folder: Path, entry: Entry) -> list[str]:
    options = ["--models-dir", str(folder), "--manifest", str(manifest.MANIFEST)]
    return [*worker_argv("services.models"), *options, "add", entry.id]


def progress(entry: Entry, present: int) -> Status:
    digest = {"digest": f"sha256:{entry.sha256}"} if entry.sha256 else {}
    return {"status": f"pulling {entry.file}", **digest, "total": entry.size, "completed": min(present, entry.size)}


def lines(statuses: Generator[Status]) -> Generator[bytes]:
    with contextlib.closing(statuses):
        yield from map(ollama.line, statuses)


class Delete(Resource):
    """``/api/delete``: removes the folder of a model, unloaded before."""

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        require_admin(req)
        name = model_id(self._service.parse(req, NamedRequest))
        model = self._exactly(name)
        folder = self._folder(model)
        check_writable(folder.parent)
        finished(self._service.scheduler.unload(client(req), model))
        remove(folder)

    def _exactly(self, name: str) -> Model:
        """The model of an id. An alias will not do: it may mean another model tomorrow. Raises `ModelNotFound`."""
        for model in self._service.catalog.models():
            if model.id == name:
                return model
        raise ModelNotFound(f"There is no model with the id {name!r}; GET /api/tags lists them.", param="model")

    def _folder(self, model: Model) -> Path:
        """Its folder, if that is its alone and inside the models folder. Raises `BadRequest`."""
        folder, root = model.path.parent, self._service.settings.models_dir
        others = [other for other in self._service.catalog.models() if other.id != model.id]
        shared = any(other.path.is_relative_to(folder) for other in others)
        if shared or folder.is_symlink() or root.resolve() not in folder.resolve().parents:
            raise BadRequest(
                f"The folder of {model.id!r} is not its own inside {root}: it is a link, or holds other models. "
                "Remove it by hand.",
                param="model",
            )
        return folder


def remove(folder: Path) -> None:
    """Out of sight in one step, then off the disk. Raises `Unavailable`."""
    hidden = folder.with_name(REMOVING + folder.name)
    try:
        shutil.rmtree(hidden, ignore_errors=True)
        shutil.rmtree(folder.rename(hidden))
    except OSError as error:
        raise Unavailable(f"{folder} could not be removed: {error.strerror}. Remove it by hand.") from error
