"""Serve ``/api/pull`` and ``/api/delete``, which fetch and remove models. For administrators."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import falcon
from msgspec import UNSET

from services.answering.fetching import Fetcher, FetchProgress
from services.answering.removal import remove
from services.answering.service import Service
from services.api.dialects.ollama.schemas import OllamaPullStatus
from services.api.dialects.ollama.stream import NDJSON, error_frame, line
from services.api.dialects.ollama.types import OllamaModelRequest
from services.api.http.auth import require_admin
from services.api.http.context import client
from services.api.http.notices import run_to_end
from services.api.http.resource import Resource
from services.api.http.stream import Frames, write_json, write_stream
from services.core.client import Client
from services.core.errors import BadRequest


class Pull(Resource):
    """``POST /api/pull``."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._fetcher = Fetcher(service.settings, service.catalog)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Fetch a model of the manifest. Blocks; raises `ServiceError`."""
        require_admin(req)
        request = self.parse(req, OllamaModelRequest)
        statuses = pull(self._fetcher, requested_name(request), client(req))
        if request.stream is False:
            # Without a stream the client reads the last status only.
            *_, last = statuses
            write_json(resp, last)
        else:
            write_stream(resp, NDJSON, frames(statuses), error_frame)


class Delete(Resource):
    """``DELETE /api/delete``."""

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Unload a model, and remove its folder. Blocks; raises `ServiceError`."""
        require_admin(req)
        name = requested_name(self.parse(req, OllamaModelRequest))
        run_to_end(resp, remove(self._service, name, client(req)))


def requested_name(request: OllamaModelRequest) -> str:
    """Return the name of the model in a request. Raises `BadRequest`."""
    name = request.model or request.name
    if not name:
        raise BadRequest("The request names no model; send its id as model.", param="model")
    return name


def pull(fetcher: Fetcher, name: str, client: Client) -> Generator[OllamaPullStatus]:
    """Fetch a model where it is not there yet, and yield how far it is. Blocks and raises as `Fetcher.fetch` does."""
    with contextlib.closing(fetcher.fetch(name, client)) as steps:
        next(steps, None)  # before the first line, so that an error is a status
        yield OllamaPullStatus(status="pulling manifest")
        for step in steps:
            if isinstance(step, FetchProgress):
                yield pull_status(step)
    yield OllamaPullStatus(status="success")


def pull_status(step: FetchProgress) -> OllamaPullStatus:
    """Return a step of a download in Ollama's words."""
    entry = step.entry
    return OllamaPullStatus(
        status=f"pulling {entry.file}",
        digest=f"sha256:{entry.sha256}" if entry.sha256 else UNSET,
        total=entry.size,
        completed=min(step.present, entry.size),
    )


def frames(statuses: Generator[OllamaPullStatus]) -> Frames:
    """Yield one status per line. Blocks as `statuses` do, and raises the same; closing it closes `statuses`."""
    with contextlib.closing(statuses):
        for status in statuses:
            yield line(status)
