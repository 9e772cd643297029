"""Serve ``/v1/models``: list the models on disk, load and unload them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import falcon
from msgspec import Struct

from services.api.dialects.common.bounds import Name
from services.api.dialects.common.schema import AnswerStruct, Count
from services.api.http.auth import require_admin
from services.api.http.context import client
from services.api.http.notices import run_to_end
from services.api.http.resource import Resource
from services.api.http.stream import write_json
from services.core.model import Model

LAST_SECOND = 253_402_300_799
"""The last second of the year 9999. The time of a file may be any number, and Python writes no later date."""


class ModelRequest(Struct):
    """``POST /v1/models/select``."""

    model: Name


class UnloadRequest(Struct):
    """``POST /v1/models/unload``."""

    model: Name | None = None


class ModelEntry(AnswerStruct, tag_field="object", tag="model"):
    """A model as OpenAI and Anthropic list it, with further fields of this server."""

    id: str
    type: Literal["model"]
    display_name: str
    created: int
    created_at: str
    owned_by: str
    name: str
    description: str
    context_length: Count
    engine: str
    aliases: list[str]
    capabilities: list[str]


class ModelList(AnswerStruct, tag_field="object", tag="list"):
    """All models on disk. Anthropic's clients read pages; there is one, and what tells so is last."""

    data: list[ModelEntry]
    has_more: bool
    first_id: str | None
    last_id: str | None


class ModelLoaded(AnswerStruct):
    """A model that is loaded now."""

    status: Literal["loaded"]
    model: str


class ModelsUnloaded(AnswerStruct):
    """The models that were unloaded, the most recently used one last."""

    status: Literal["unloaded"]
    model: str | None
    models: list[str]


class Models(Resource):
    """The models on disk and in memory."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the models on disk."""
        entries = [entry(model) for model in self._service.models()]
        first, last = (entries[0].id, entries[-1].id) if entries else (None, None)
        write_json(resp, ModelList(data=entries, has_more=False, first_id=first, last_id=last))

    def on_get_one(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Describe one model. Raises `ModelNotFound`."""
        write_json(resp, entry(self._service.catalog.resolve(name)))

    def on_post_select(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Load a model before its first question. Blocks; raises `ServiceError`."""
        require_admin(req)
        model = self._service.model(self.parse(req, ModelRequest).model)
        run_to_end(resp, self._service.scheduler.select(model, client(req)))
        write_json(resp, ModelLoaded(status="loaded", model=model.id))

    def on_post_unload(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Unload one model, or all where the request names none. Blocks; raises `ServiceError`."""
        require_admin(req)
        name = self.parse(req, UnloadRequest, blank=b"{}").model
        model = self._service.catalog.resolve(name) if name else None
        gone = run_to_end(resp, self._service.scheduler.unload(client(req), model))
        write_json(resp, ModelsUnloaded(status="unloaded", model=gone[-1] if gone else None, models=gone))


def entry(model: Model) -> ModelEntry:
    """Return the entry of a model in the list."""
    return ModelEntry(
        id=model.id,
        type="model",
        display_name=model.name,
        created=model.created,
        created_at=datetime.fromtimestamp(min(max(model.created, 0), LAST_SECOND), UTC).isoformat(),
        owned_by="rkllm",
        name=model.name,
        description=model.description,
        context_length=model.context_length,
        engine=model.engine,
        aliases=list(model.aliases),
        capabilities=sorted(model.capabilities),
    )
