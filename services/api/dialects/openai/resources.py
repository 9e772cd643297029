"""``/v1/chat/completions`` and ``/v1/completions``."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from functools import partial
from typing import ClassVar, TypeVar

import falcon

from services import __version__
from services.answering.plan import data_request
from services.api.dialects.common.parameters import asking
from services.api.dialects.openai import requests
from services.api.dialects.openai.answers import ChatShape, Head, OlderChatShape, Shape, TextShape
from services.api.dialects.openai.stream import collect, frames, tell_error
from services.api.dialects.openai.types import ChatRequest, Common, CompletionRequest
from services.api.http.context import client
from services.api.http.notices import finished, show
from services.api.http.resource import Resource
from services.api.http.stream import EVENT_STREAM, write_json, write_stream
from services.core.model import Model
from services.core.request import GenerationRequest

W = TypeVar("W")
C = TypeVar("C")


class Completions(Resource):
    """What the two endpoints do alike, once a request has become `GenerationRequest`s."""

    prefix: ClassVar[str]

    def _answer(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: Common,
        model: Model,
        generations: Sequence[GenerationRequest],
        shapes: Sequence[Shape[W, C]],
    ) -> None:
        """Answer `generations` one after the other, each choice in its shape, and write what `request` wants."""
        n = request.n or 1
        names = asking(request, requests.IGNORED)
        answers = self._service.answers(generations, model, client(req), choices=n, ignored=names)
        head = Head(f"{self.prefix}-{req.context.id}", int(time.time()), model.id, fingerprint(model))
        if request.stream:
            usage = bool(request.stream_options and request.stream_options.include_usage)
            write_stream(resp, EVENT_STREAM, frames(head, shapes, answers, n, usage), tell_error)
        else:
            write_json(resp, collect(head, shapes, answers, n, partial(show, resp)))


class ChatCompletions(Completions):
    """``POST /v1/chat/completions``."""

    prefix = "chatcmpl"

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a chat."""
        request = self.parse(req, ChatRequest)
        model = self._service.model(request.model)
        older = request.functions is not None and request.tools is None
        shapes = [OlderChatShape() if older else ChatShape()] * (request.n or 1)
        self._answer(req, resp, request, model, [requests.chat(request)], shapes)


class TextCompletions(Completions):
    """``POST /v1/completions``."""

    prefix = "cmpl"

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Continue raw prompts."""
        request = self.parse(req, CompletionRequest)
        model = self._service.model(request.model)
        prompts = requests.completions(request)
        echoes = self._echoes(req, resp, model, prompts) if request.echo else [""] * len(prompts)
        shapes = [TextShape(echo) for echo in echoes for _ in range(request.n or 1)]
        self._answer(req, resp, request, model, prompts, shapes)

    def _echoes(
        self, req: falcon.Request, resp: falcon.Response, model: Model, prompts: Sequence[GenerationRequest]
    ) -> list[str]:
        """Return the texts of the prompts; where they are tokens, the model's engine is asked for them. Blocks."""
        ids = tuple(prompt.prompt_ids for prompt in prompts)
        if not any(ids):
            return [prompt.prompt or "" for prompt in prompts]
        wanted = data_request("detokenize", model, ids, req.context.id)
        texts, _ = finished(resp, self._service.data(wanted, client(req)))
        return [prompt.prompt or text for prompt, text in zip(prompts, texts, strict=True)]


def fingerprint(model: Model) -> str:
    """Return what changes whenever a seed may give another answer: with server version, engine or model file."""
    seed = f"{__version__} {model.engine} {model.id} {model.created} {model.size_bytes} {model.context_length}"
    return "fp_" + hashlib.sha256(seed.encode()).hexdigest()[:12]
