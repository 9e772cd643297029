"""The OpenAI endpoints. Each resource parses, asks the chat room, and encodes; nothing else."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator
from dataclasses import replace
from typing import Any, TypeVar

import falcon

from services import __version__
from services.answering.plan import data_request
from services.answering.service import ANSWERS, Service
from services.api.dialects.openai import answers as openai
from services.api.dialects.openai import requests as asks
from services.api.dialects.openai.types import ChatRequest, Common, CompletionRequest, ModelRequest, UnloadRequest
from services.api.http.auth import require_admin
from services.api.http.body import client
from services.api.http.stream import primed, write_json, write_stream
from services.core.events import Waiting
from services.core.model import Model
from services.core.request import GenerationRequest

T = TypeVar("T")


class Completions:
    """What the two completion endpoints do alike, once a request has become `GenerationRequest`s."""

    prefix = ""

    def __init__(self, service: Service) -> None:
        self._service = service

    def _answer(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: Common,
        all_asks: list[GenerationRequest],
        shapes: list[openai.Shape],
    ) -> None:
        """Run `all_asks` one after the other, each with its shape, and write the response as `request` wants it."""
        model = self._service.model(request.model)
        answers = self._service.answers(req, resp, model, all_asks, asks.ignored(request))
        head = openai.Head(f"{self.prefix}-{req.context.id}", int(time.time()), model.id, fingerprint(model))
        n = request.n or 1
        if request.stream:
            usage = bool(request.stream_options and request.stream_options.include_usage)
            write_stream(resp, "text/event-stream", primed(openai.stream(head, shapes, answers, n, usage)))
        else:
            write_json(resp, openai.collect(head, shapes, answers, n))


class ChatCompletions(Completions):
    prefix = "chatcmpl"

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, ChatRequest)
        model = self._service.model(request.model)
        ask = self._service.sources.told(asks.chat(request, model.id), model, resp)
        copies = choices(ask, request.n or 1)
        older = request.functions is not None and request.tools is None
        shape = openai.OlderChatShape if older else openai.ChatShape
        self._answer(req, resp, request, copies, [shape() for _ in copies])


class TextCompletions(Completions):
    prefix = "cmpl"

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, CompletionRequest)
        prompts = asks.completions(request, request.model or "")
        copies = [copy for ask in prompts for copy in choices(ask, request.n or 1)]
        echoes = self._echoes(req, resp, request, prompts) if request.echo else [""] * len(prompts)
        shapes: list[openai.Shape] = [openai.TextShape(echo) for echo in echoes for _ in range(request.n or 1)]
        self._answer(req, resp, request, copies, shapes)

    def _echoes(
        self, req: falcon.Request, resp: falcon.Response, request: CompletionRequest, prompts: list[GenerationRequest]
    ) -> list[str]:
        """The texts of the prompts; where they are tokens, the model's engine is asked for them."""
        ids = tuple(ask.prompt_ids for ask in prompts)
        if not any(ids):
            return [ask.prompt or "" for ask in prompts]
        job = data_request("detokenize", self._service.model(request.model), ids, req.context.id)
        texts, _ = self._service.data(req, resp, job)
        return [ask.prompt or text for ask, text in zip(prompts, texts, strict=True)]


class Models:
    """``/v1/models``: what is on disk."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        write_json(resp, {"object": "list", "data": [entry(model) for model in self._service.catalog.models()]})

    def on_get_one(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        write_json(resp, entry(self._service.catalog.resolve(name)))

    def on_post_select(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Load a model ahead of its first question."""
        require_admin(req)
        model = self._service.model(self._service.parse(req, ModelRequest).model)
        for _ in self._service.scheduler.select(model, client(req)):
            pass
        write_json(resp, {"status": "loaded", "model": model.id})

    def on_post_unload(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Free the accelerator and the memory: of one model, or of all where the request names none."""
        require_admin(req)
        name = self._service.parse(req, UnloadRequest, blank=b"{}").model
        model = self._service.catalog.resolve(name) if name else None
        gone = finished(self._service.scheduler.unload(client(req), model))
        write_json(resp, {"status": "unloaded", "model": gone[-1] if gone else None, "models": gone})


class Health:
    """Answers from snapshots, whatever runs."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        status = self._service.scheduler.status()
        write_json(
            resp,
            {
                "status": "ok",
                "version": __version__,
                "current_model": status.model,
                "models_loaded": list(status.models),
                "process_healthy": status.process_healthy,
                "engine_pid": status.engine_pid,
                "active_request": status.active_request,
                "waiting_requests": status.waiting,
                "models_available": len(self._service.catalog.models()),
                "problems": list(self._service.catalog.problems()),
            },
        )

    on_head = on_get  # Ollama's clients ask for the root so

    def on_get_ready(self, req: falcon.Request, resp: falcon.Response) -> None:
        """200 when a chat could be answered, 503 when there is no model to answer it."""
        count = sum(not model.capabilities.isdisjoint(ANSWERS) for model in self._service.catalog.models())
        resp.status = 200 if count else 503
        write_json(
            resp, {"ready": bool(count), "models_available": count, "problems": list(self._service.catalog.problems())}
        )


def choices(ask: GenerationRequest, n: int) -> list[GenerationRequest]:
    """`n` asks that differ in their seed alone, so that a seeded request repeats all its choices."""
    seed = ask.sampling.seed
    if seed is None:
        return [ask] * n
    return [replace(ask, sampling=replace(ask.sampling, seed=seed + i)) for i in range(n)]


def entry(model: Model) -> dict[str, Any]:
    """A model as OpenAI lists it, with what clients of a small box want to know besides."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": "rkllm",
        "name": model.name,
        "description": model.description,
        "context_length": model.context_length,
        "engine": model.engine,
        "aliases": list(model.aliases),
        "capabilities": sorted(model.capabilities),
    }


def fingerprint(model: Model) -> str:
    """Changes whenever the same seed may give another answer: other server version, engine or model file."""
    seed = f"{__version__} {model.engine} {model.id} {model.created} {model.size_bytes} {model.context_length}"
    return "fp_" + hashlib.sha256(seed.encode()).hexdigest()[:12]


def finished(waits: Generator[Waiting, None, T]) -> T:
    """Wait to the end; what the generator returns."""
    while True:
        try:
            next(waits)
        except StopIteration as end:
            result: T = end.value
            return result
