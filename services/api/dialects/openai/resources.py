"""Serve ``/v1/chat/completions`` and ``/v1/completions``."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import ClassVar

import falcon

from services import __version__
from services.answering import prompts as raw_prompts
from services.api.dialects.common.answer import collected
from services.api.dialects.common.errors import renamed
from services.api.dialects.openai import requests
from services.api.dialects.openai.answers import ChatShape, CompletionHead, LegacyChatShape, Shape, whole
from services.api.dialects.openai.progress import Comments, StatusEvents
from services.api.dialects.openai.stream import error_frame, frames
from services.api.dialects.openai.text_shape import TextShape
from services.api.dialects.openai.types import ChatRequest, CompletionParameters, CompletionRequest
from services.api.http.context import client
from services.api.http.notices import run_to_end, show_notice
from services.api.http.resource import Resource
from services.api.http.stream import EVENT_STREAM, write_json, write_stream
from services.core.events import Event, PromptToken
from services.core.model import Model
from services.core.request import GenerationRequest


class Completions(Resource):
    """What the two endpoints do alike."""

    prefix: ClassVar[str]
    """How the id of a response begins."""

    def _answers(
        self,
        req: falcon.Request,
        request: CompletionParameters,
        model: Model,
        generations: Sequence[GenerationRequest],
    ) -> Iterator[Iterator[Event]]:
        """Yield the events of each choice, one answer after the other. Raises `BadRequest` at once."""
        none = generations[0].max_tokens == 0
        answers = partial(raw_prompts.not_continued, self._service) if none else self._service.answers
        return answers(generations, model, client(req), choices=request.n or 1, ignored=requests.ignored(request))

    def _write(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: CompletionParameters,
        model: Model,
        answers: Iterator[Iterator[Event]],
        shapes: Sequence[Shape],
    ) -> None:
        """Write `answers`, each in its shape, as `request` wants.

        Blocks until the first bytes of a stream are there, else until the last answer is complete.
        """
        n = request.n or 1
        head = CompletionHead(f"{self.prefix}-{req.context.id}", int(time.time()), model.id, fingerprint(model))
        if request.stream:
            usage = bool(request.stream_options and request.stream_options.include_usage)
            asked = isinstance(request, ChatRequest) and request.status_events
            progress = StatusEvents(head) if asked else Comments()
            stream = frames(head, shapes, answers, n, usage, progress)
            write_stream(resp, EVENT_STREAM, stream, partial(error_frame, progress))
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
        shapes = [LegacyChatShape() if requests.legacy(request) else ChatShape()] * (request.n or 1)
        answers = self._answers(req, request, model, [requests.chat(request)])
        self._write(req, resp, request, model, answers, shapes)


class TextCompletions(Completions):
    """``POST /v1/completions``."""

    prefix = "cmpl"

    @renamed({"messages": "prompt"})
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Continue raw prompts. Blocks; raises `ServiceError`."""
        request = self.parse(req, CompletionRequest)
        model = self._service.model(request.model)
        prompts = requests.completions(request)
        echoes = self._echoes(req, resp, request, model, prompts)
        shapes = [TextShape(text, tokens) for text, tokens in echoes for _ in range(request.n or 1)]
        answers = self._answers(req, request, model, prompts)
        self._write(req, resp, request, model, answers, shapes)

    def _echoes(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: CompletionRequest,
        model: Model,
        prompts: Sequence[GenerationRequest],
    ) -> Iterable[tuple[str, Sequence[PromptToken]]]:
        """Return what each answer begins with: a text, and its tokens for logprobs. Blocks where an engine is asked."""
        texts: Sequence[str] = [""] * len(prompts)
        tokens: Sequence[Sequence[PromptToken]] = [()] * len(prompts)
        if request.echo and request.logprobs is not None:
            tokens = run_to_end(resp, raw_prompts.scores(self._service, prompts, model, client(req)))
        if request.echo:
            texts = run_to_end(resp, raw_prompts.texts(self._service, prompts, model, client(req)))
        return zip(texts, tokens, strict=True)


def fingerprint(model: Model) -> str:
    """Return an id that changes whenever a seed may give another answer: with server version, engine or model file."""
    seed = f"{__version__} {model.engine} {model.id} {model.created} {model.size_bytes} {model.context_length}"
    return "fp_" + hashlib.sha256(seed.encode()).hexdigest()[:12]
