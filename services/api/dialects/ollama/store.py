"""Models come and go: ``/api/pull`` from the manifest, ``/api/delete``. For administrators."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import falcon
from msgspec import UNSET

from services.answering.fetching import Fetcher, FetchProgress, FetchStarted
from services.answering.removal import remove
from services.answering.service import Service
from services.api.dialects.ollama.models import TAG
from services.api.dialects.ollama.resources import OllamaResource
from services.api.dialects.ollama.schemas import PullStatus
from services.api.dialects.ollama.stream import NDJSON, line, tell_error
from services.api.dialects.ollama.types import NamedRequest
from services.api.http.auth import require_admin
from services.api.http.context import client
from services.api.http.notices import finished
from services.api.http.stream import Frames, write_json, write_stream
from services.core.client import Client
from services.core.errors import BadRequest


class Pull(OllamaResource):
    """``POST /api/pull``."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._fetcher = Fetcher(service.settings, service.catalog)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Fetch a model of the manifest."""
        require_admin(req)
        request = self.parse(req, NamedRequest)
        statuses = pull(self._fetcher, model_id(request), client(req))
        if request.stream is False:
            *_, last = statuses
            write_json(resp, last)
        else:
            write_stream(resp, NDJSON, frames(statuses), tell_error)


class Delete(OllamaResource):
    """``DELETE /api/delete``."""

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Unload a model, and remove its folder."""
        require_admin(req)
        name = model_id(self.parse(req, NamedRequest))
        finished(resp, remove(self._service, name, client(req)))


def model_id(request: NamedRequest) -> str:
    """Return the id a request means. Raises `BadRequest`."""
    name = request.model or request.name
    if not name:
        raise BadRequest("The request names no model.", param="model")
    return name.removesuffix(TAG).replace(":", "-").lower()


def pull(fetcher: Fetcher, name: str, client: Client) -> Generator[PullStatus]:
    """Fetch a model where it is not there yet, and yield how far it is. Blocks and raises as `Fetcher.fetch` does."""
    with contextlib.closing(fetcher.fetch(name, client)) as steps:
        for step in steps:
            yield status_of(step)
    yield PullStatus(status="success")


def status_of(step: FetchStarted | FetchProgress) -> PullStatus:
    """Return a step of a download as Ollama tells it."""
    entry = step.entry
    if isinstance(step, FetchStarted):
        return PullStatus(status="pulling manifest")
    return PullStatus(
        status=f"pulling {entry.file}",
        digest=f"sha256:{entry.sha256}" if entry.sha256 else UNSET,
        total=entry.size,
        completed=min(step.present, entry.size),
    )


def frames(statuses: Generator[PullStatus]) -> Frames:
    """Yield one status a line."""
    with contextlib.closing(statuses):
        for status in statuses:
            yield line(status)
