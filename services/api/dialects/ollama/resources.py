"""The Ollama endpoints. Each resource parses, asks the service, and encodes; nothing else."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import falcon

from services.api.dialects.ollama import requests
from services.api.dialects.ollama.answers import AnswerHead, ChatShape, GenerateShape, Shape, ended_without_text
from services.api.dialects.ollama.keep_alive import keep_alive
from services.api.dialects.ollama.models import listed_model, resolve, running_model, shown_model, thinks
from services.api.dialects.ollama.schemas import ModelList, Release, RunningList
from services.api.dialects.ollama.stream import NDJSON, collect, frames, tell_error
from services.api.dialects.ollama.types import ChatRequest, GenerateRequest, NamedRequest
from services.api.http.auth import require_admin
from services.api.http.context import client
from services.api.http.notices import finished, show
from services.api.http.resource import Resource
from services.api.http.stream import write_json, write_stream
from services.core.errors import Unsupported
from services.core.model import Model
from services.core.request import GenerationRequest

RELEASE = "0.13.0"
"""The release of Ollama whose API this follows: clients compare it with the one they need."""

NO_REGISTRY = "Models are not built, copied or uploaded here: each is a folder under models_dir; see docs/models.md."


class OllamaResource(Resource):
    """What all of them share: names of models may have Ollama's tags."""

    def _model(self, name: str | None) -> Model:
        """Return the model a request names, as `Service.model` does. Raises `ModelNotFound` and `BadRequest`."""
        return resolve(self._service.catalog, name) if name else self._service.model(None)


class Answers(OllamaResource):
    """What the two endpoints that answer do alike, once a request has become a `GenerationRequest`."""

    shape: ClassVar[Shape]

    def _answer(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: ChatRequest | GenerateRequest,
        model: Model,
        generation: GenerationRequest,
    ) -> None:
        """Answer `generation`, and write the response as `request` wants it: streamed, unless it says otherwise."""
        names = requests.ignored(request, model)
        if generation.thinking and not thinks(model):
            names.append("think")
        events = self._service.answer(generation, model, client(req), names)
        head = AnswerHead(request.model or model.id, req.context.trace)
        if request.stream is False:
            write_json(resp, collect(head, self.shape, events, partial(show, resp)))
        else:
            write_stream(resp, NDJSON, frames(head, self.shape, events), tell_error)

    def _load(
        self, req: falcon.Request, resp: falcon.Response, request: ChatRequest | GenerateRequest, model: Model
    ) -> None:
        """Load the model, or unload it where it shall stay for no time. The response is one object, never a stream."""
        keep = keep_alive(request.keep_alive)
        if keep == 0:
            require_admin(req)
            finished(resp, self._service.scheduler.unload(client(req), model))
        else:
            finished(resp, self._service.scheduler.select(model, client(req), keep))
        empty = self.shape.part(AnswerHead(request.model or model.id, req.context.trace))
        write_json(resp, ended_without_text(empty, "unload" if keep == 0 else "load"))


class Chat(Answers):
    """``POST /api/chat``."""

    shape = ChatShape()

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a chat; without messages, load or unload the model."""
        request = self.parse(req, ChatRequest)
        model = self._model(request.model)
        if requests.wants_nothing(request):
            self._load(req, resp, request, model)
        else:
            self._answer(req, resp, request, model, requests.chat(request, model))


class Generate(Answers):
    """``POST /api/generate``."""

    shape = GenerateShape()

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a prompt, or continue it; without one, load or unload the model."""
        request = self.parse(req, GenerateRequest)
        model = self._model(request.model)
        generation = requests.generate(request, model)
        if requests.wants_nothing(request):
            self._load(req, resp, request, model)
        else:
            self._answer(req, resp, request, model, generation)


class Tags(OllamaResource):
    """``GET /api/tags``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the models on disk."""
        write_json(resp, ModelList(models=[listed_model(model) for model in self._service.catalog.models()]))

    on_head = on_get


class Show(OllamaResource):
    """``POST /api/show``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Describe one model."""
        request = self.parse(req, NamedRequest)
        write_json(resp, shown_model(self._model(request.model or request.name)))


class Running(OllamaResource):
    """``GET /api/ps``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the loaded models. It is a snapshot, and does not wait."""
        expiries = self._service.scheduler.status().models
        loaded = [model for model in self._service.catalog.models() if model.id in expiries]
        write_json(resp, RunningList(models=[running_model(model, expiries[model.id]) for model in loaded]))


class Version(OllamaResource):
    """``GET /api/version``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the release of Ollama whose API this is."""
        write_json(resp, Release(version=RELEASE))

    on_head = on_get


class NoRegistry(OllamaResource):
    """What belongs to a registry of models, which this server has not."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, **params: Any) -> None:
        """Raise `Unsupported`, which says what to do instead."""
        raise Unsupported(NO_REGISTRY)

    on_head = on_post
