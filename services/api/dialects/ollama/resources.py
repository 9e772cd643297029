"""Serve Ollama's paths for answers, and those that describe models."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import falcon

from services.api.dialects.common.answer import collected
from services.api.dialects.ollama import requests
from services.api.dialects.ollama.answers import (
    AnswerHead,
    OllamaChatShape,
    OllamaGenerateShape,
    OllamaShape,
    ended_without_text,
    whole,
)
from services.api.dialects.ollama.keep_alive import keep_alive
from services.api.dialects.ollama.models import listed_model, running_model, shown_model
from services.api.dialects.ollama.schemas import OllamaModelList, OllamaRunningList, OllamaVersion
from services.api.dialects.ollama.stream import NDJSON, error_frame, frames
from services.api.dialects.ollama.types import OllamaChatRequest, OllamaGenerateRequest, OllamaModelRequest
from services.api.http.auth import require_admin
from services.api.http.context import client
from services.api.http.notices import run_to_end, show_notice
from services.api.http.resource import Resource
from services.api.http.stream import write_json, write_stream
from services.core.errors import Unsupported
from services.core.model import Model
from services.core.request import GenerationRequest

RELEASE = "0.13.0"
"""The release of Ollama whose API this is; clients compare it with the one they need."""

NO_REGISTRY = (
    "This server cannot build, copy or upload models: each is a folder under models_dir. Add one; see docs/models.md."
)


class Answers(Resource):
    """What the two endpoints that answer do alike, once a request has become a `GenerationRequest`."""

    shape: ClassVar[OllamaShape]

    def _answer(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: OllamaChatRequest | OllamaGenerateRequest,
        model: Model,
        generation: GenerationRequest,
    ) -> None:
        """Answer `generation`, and write the answer as `request` wants it: streamed, unless it says otherwise.

        Blocks until the first bytes of a stream are there, else until the answer is complete.
        """
        events = self._service.answer(generation, model, client(req), requests.ignored(request, model))
        head = AnswerHead(request.model or model.id, req.context.trace)
        # Ollama streams unless the client says otherwise.
        if request.stream is False:
            write_json(resp, whole(head, self.shape, collected(events, partial(show_notice, resp))))
        else:
            write_stream(resp, NDJSON, frames(head, self.shape, events), error_frame)

    def _load(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: OllamaChatRequest | OllamaGenerateRequest,
        model: Model,
    ) -> None:
        """Load the model, or unload it where ``keep_alive`` is 0; write one object, never a stream.

        Blocks. Raises `Forbidden` and what the scheduler raises.
        """
        keep = keep_alive(request.keep_alive)
        if keep == 0:
            # Every chat may load its model too; an unload takes it from everybody.
            require_admin(req)
            run_to_end(resp, self._service.scheduler.unload(client(req), model))
        else:
            run_to_end(resp, self._service.keep_loaded(model, client(req), keep))
        empty = self.shape.part(AnswerHead(request.model or model.id, req.context.trace))
        write_json(resp, ended_without_text(empty, "unload" if keep == 0 else "load"))


class Chat(Answers):
    """``POST /api/chat``."""

    shape = OllamaChatShape()

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a chat; without messages, load or unload the model. Blocks; raises `ServiceError`."""
        request = self.parse(req, OllamaChatRequest)
        model = self._service.model(request.model)
        if requests.wants_nothing(request):
            self._load(req, resp, request, model)
        else:
            self._answer(req, resp, request, model, requests.chat(request, model))


class Generate(Answers):
    """``POST /api/generate``."""

    shape = OllamaGenerateShape()

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a prompt, or continue it; without one, load or unload the model. Blocks; raises `ServiceError`."""
        request = self.parse(req, OllamaGenerateRequest)
        model = self._service.model(request.model)
        # Made for a load too: it refuses parameters that this server cannot serve.
        generation = requests.generate(request, model)
        if requests.wants_nothing(request):
            self._load(req, resp, request, model)
        else:
            self._answer(req, resp, request, model, generation)


class Tags(Resource):
    """``GET /api/tags``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the models on disk."""
        write_json(resp, OllamaModelList(models=[listed_model(model) for model in self._service.models()]))


class Show(Resource):
    """``POST /api/show``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Describe one model."""
        request = self.parse(req, OllamaModelRequest)
        write_json(resp, shown_model(self._service.model(request.model or request.name)))


class Running(Resource):
    """``GET /api/ps``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the loaded models, from a snapshot. Does not block."""
        expiries = self._service.scheduler.status().models
        loaded = [model for model in self._service.models() if model.id in expiries]
        write_json(resp, OllamaRunningList(models=[running_model(model, expiries[model.id]) for model in loaded]))


class Version(Resource):
    """``GET /api/version``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the release of Ollama whose API this is."""
        write_json(resp, OllamaVersion(version=RELEASE))


class NoRegistry(Resource):
    """The paths of a registry of models, which this server does not have."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, **params: Any) -> None:
        """Raise `Unsupported`, which says what to do instead."""
        raise Unsupported(NO_REGISTRY)

    on_head = on_post
