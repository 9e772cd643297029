"""Serve ``/v1/chat/completions`` and ``/v1/completions``."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import falcon

from services import __version__
from services.answering.plan import data_request
from services.api.dialects.common.answer import collected
from services.api.dialects.openai import requests
from services.api.dialects.openai.answers import ChatShape, CompletionHead, LegacyChatShape, Shape, TextShape, whole
from services.api.dialects.openai.stream import error_frame, frames
from services.api.dialects.openai.types import ChatRequest, CompletionParameters, CompletionRequest
from services.api.http.context import client
from services.api.http.notices import run_to_end, show_notice
from services.api.http.resource import Resource
from services.api.http.stream import EVENT_STREAM, write_json, write_stream
from services.core.model import Model
from services.core.request import GenerationRequest


class Completions(Resource):
    """What the two endpoints do alike, once a request has become `GenerationRequest`s."""

    prefix: ClassVar[str]
    """How the id of a response begins."""

    def _answer(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: CompletionParameters,
        model: Model,
        generations: Sequence[GenerationRequest],
        shapes: Sequence[Shape],
    ) -> None:
        """Answer `generations` one after the other, each choice in its shape, and write the answers as `request` wants.

        Blocks until the first bytes of a stream are there, else until the last answer is complete.
        """
        n = request.n or 1
        answers = self._service.answers(generations, model, client(req), choices=n, ignored=requests.ignored(request))
        head = CompletionHead(f"{self.prefix}-{req.context.id}", int(time.time()), model.id, fingerprint(model))
        if request.stream:
            usage = bool(request.stream_options and request.stream_options.include_usage)
            write_stream(resp, EVENT_STREAM, frames(head, shapes, answers, n, usage), error_frame)
        else:
            complete = [collected(events, partial(show_notice, resp)) for events in answers]
            write_json(resp, whole(head, shapes, complete, n))


class ChatCompletions(Completions):
    """``POST /v1/chat/completions``."""

    prefix = "chatcmpl"

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a chat. Blocks; raises `ServiceError`."""
        request = self.parse(req, ChatRequest)
        model = self._service.model(request.model)
        # `tools` replaced `functions`; a request with both is a newer client's.
        legacy = request.functions is not None and request.tools is None
        shapes = [LegacyChatShape() if legacy else ChatShape()] * (request.n or 1)
        self._answer(req, resp, request, model, [requests.chat(request)], shapes)


class TextCompletions(Completions):
    """``POST /v1/completions``."""

    prefix = "cmpl"

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Continue raw prompts. Blocks; raises `ServiceError`."""
        request = self.parse(req, CompletionRequest)
        model = self._service.model(request.model)
        prompts = requests.completions(request)
        echoes = self._echoes(req, resp, model, prompts) if request.echo else [""] * len(prompts)
        shapes = [TextShape(echo) for echo in echoes for _ in range(request.n or 1)]
        self._answer(req, resp, request, model, prompts, shapes)

    def _echoes(
        self, req: falcon.Request, resp: falcon.Response, model: Model, prompts: Sequence[GenerationRequest]
    ) -> list[str]:
        """Return the texts of the prompts. Blocks where some are tokens: the model's engine makes the text of them."""
        ids = tuple(prompt.prompt_ids for prompt in prompts)
        # Without tokens no engine is needed, and the request need not wait for the slot twice.
        if not any(ids):
            return [prompt.prompt or "" for prompt in prompts]
        wanted = data_request("detokenize", model, ids, req.context.id)
        texts, _ = run_to_end(resp, self._service.data(wanted, client(req)))
        return [prompt.prompt or text for prompt, text in zip(prompts, texts, strict=True)]


def fingerprint(model: Model) -> str:
    """Return an id that changes whenever a seed may give another answer: with server version, engine or model file."""
    seed = f"{__version__} {model.engine} {model.id} {model.created} {model.size_bytes} {model.context_length}"
    return "fp_" + hashlib.sha256(seed.encode()).hexdigest()[:12]
