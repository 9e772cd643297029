"""The Ollama endpoints. Each resource parses, asks the chat room, and encodes; nothing else."""

from __future__ import annotations

from typing import Any

import falcon

from services.answering.service import Service
from services.api.dialects.ollama import answers as ollama
from services.api.dialects.ollama import models as ollama_models
from services.api.dialects.ollama import requests as ollama_asks
from services.api.dialects.ollama.types import ChatRequest, GenerateRequest, NamedRequest
from services.api.dialects.openai.resources import finished
from services.api.http.auth import require_admin
from services.api.http.body import client
from services.api.http.stream import primed, write_json, write_stream
from services.core.errors import Unsupported
from services.core.model import Model
from services.core.request import GenerationRequest

RELEASE = "0.13.0"
"""The release of Ollama whose API this follows: clients compare it with the one they need."""


class Resource:
    def __init__(self, service: Service) -> None:
        self._service = service

    def _model(self, name: str | None) -> Model:
        """As `Service.model`, for names with Ollama's tags."""
        return ollama_models.resolve(self._service.catalog, name) if name else self._service.model(None)


class Answers(Resource):
    """What the two endpoints that answer do alike, once a request has become an `GenerationRequest`."""

    shape: ollama.Shape

    def _head(self, req: falcon.Request, request: ChatRequest | GenerateRequest, model: Model) -> ollama.Head:
        return ollama.Head(request.model or model.id, req.context.trace)

    def _answer(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: ChatRequest | GenerateRequest,
        model: Model,
        ask: GenerationRequest,
    ) -> None:
        """Run `ask` and write the response as `request` wants it: streamed, unless it says otherwise."""
        if ask.prompt is None:
            ask = self._service.sources.told(ask, model, resp)
        names = ollama_asks.ignored(request, model)
        if ask.thinking and not ollama_models.thinks(model):
            names.append("think")
        (events,) = self._service.answers(req, resp, model, [ask], names)
        head = self._head(req, request, model)
        if request.stream is False:
            write_json(resp, ollama.collect(head, self.shape, events))
        else:
            write_stream(resp, ollama.NDJSON, primed(ollama.stream(head, self.shape, events)))

    def _load(
        self, req: falcon.Request, resp: falcon.Response, request: ChatRequest | GenerateRequest, model: Model
    ) -> None:
        """Without a question: load the model, or unload it where it shall stay for no time. One object, no stream."""
        keep = ollama_asks.keep_alive(request.keep_alive)
        if keep == 0:
            require_admin(req)
            finished(self._service.scheduler.unload(client(req), model))
        else:
            finished(self._service.scheduler.select(model, client(req), keep))
        reason = "unload" if keep == 0 else "load"
        body = {**self._head(req, request, model).body(), **self.shape.body()}
        write_json(resp, {**body, "done": True, "done_reason": reason})


class Chat(Answers):
    """``/api/chat``."""

    shape = ollama.ChatShape()

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, ChatRequest)
        model = self._model(request.model)
        if ollama_asks.wants_nothing(request):
            self._load(req, resp, request, model)
        else:
            self._answer(req, resp, request, model, ollama_asks.chat(request, model))


class Generate(Answers):
    """``/api/generate``."""

    shape = ollama.GenerateShape()

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, GenerateRequest)
        model = self._model(request.model)
        ask = ollama_asks.generate(request, model)
        if ollama_asks.wants_nothing(request):
            self._load(req, resp, request, model)
        else:
            self._answer(req, resp, request, model, ask)


class Tags(Resource):
    """``/api/tags``: what is on disk."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        write_json(resp, {"models": [ollama_models.tags(model) for model in self._service.catalog.models()]})

    on_head = on_get


class Show(Resource):
    """``/api/show``: one model."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, NamedRequest)
        write_json(resp, ollama_models.show(self._model(request.model or request.name)))


class Running(Resource):
    """``/api/ps``: what is loaded. A snapshot; it waits for nobody."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        expiries = self._service.scheduler.status().models
        loaded = [model for model in self._service.catalog.models() if model.id in expiries]
        write_json(resp, {"models": [ollama_models.running(model, expiries[model.id]) for model in loaded]})


class Version:
    """``/api/version``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        write_json(resp, {"version": RELEASE})

    on_head = on_get


class Unavailable:
    """What belongs to a registry of models that this server has not."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence

    def on_post(self, req: falcon.Request, resp: falcon.Response, **params: Any) -> None:
        raise Unsupported(self._sentence)

    on_head = on_post
