"""Requests with sources: prepared before they are planned, answered from the cache where they were answered before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import falcon

from services.answering import retrieval
from services.answering.plan import respond
from services.chat.rag.cache import AnswerCache
from services.chat.rag.pipeline import Outcome
from services.chat.rag.ratios import TokenRatios
from services.chat.rag.speed import PrefillSpeeds
from services.core.errors import ContextOverflow
from services.core.events import Done, Event, closing
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest
from services.core.settings import Settings

RAG_HEADER = "X-RKLLM-RAG"
CACHE_HEADER = "X-RKLLM-Cache"

Serve = Callable[[EngineRequest], Iterator[Event]]
Plan = Callable[[GenerationRequest], EngineRequest]


def breathe() -> None:
    """Let other requests run: under gevent a sleep of any length gives up the turn."""
    time.sleep(0)


class Sources:
    """What requests with sources share: the kept answers, and how fast and in how many tokens models read."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._answers = AnswerCache(settings.rag_cache_max_entries, settings.rag_cache_ttl)
        self._speeds, self._ratios = PrefillSpeeds(), TokenRatios()

    def prepared(self, generation: GenerationRequest, model: Model) -> tuple[GenerationRequest, Outcome]:
        """`generation` with its sources prepared for `model`."""
        return retrieval.prepared(
            generation, model, self._settings, breathe, self._speeds.of(model), self._ratios.counter(model)
        )

    def told(self, generation: GenerationRequest, model: Model, resp: falcon.Response) -> GenerationRequest:
        """The same; the response and the metrics tell what was decided."""
        generation, outcome = self.prepared(generation, model)
        used = outcome.decision.used
        self._metrics.rag_decisions.labels("context" if used else "follow_up" if outcome.found else "plain").inc()
        if outcome.found:
            resp.set_header(RAG_HEADER, retrieval.describe(outcome.decision))
        return generation

    def events(
        self,
        generation: GenerationRequest,
        request: EngineRequest,
        plan: Plan,
        serve: Serve,
        resp: falcon.Response,
        alone: bool,
    ) -> Iterator[Event]:
        """Those of a kept answer, else of a new one, which is kept where it is `alone`: several are meant to differ.

        `request` is `generation`, told and planned.
        """
        fresh = self._fresh(generation, request, plan, serve, resp)
        if not (alone and request.sources_used):
            return fresh
        answer = self._answers.find(request)
        result = "hit" if answer else "miss"
        resp.set_header(CACHE_HEADER, result)
        self._metrics.rag_cache.labels(result).inc()
        return answer.events() if answer else self._answers.keeping(request, fresh)

    def _fresh(
        self, generation: GenerationRequest, request: EngineRequest, plan: Plan, serve: Serve, resp: falcon.Response
    ) -> Iterator[Event]:
        """A new answer's. Where the prompt turns out too long, again with fewer sources; nothing was answered yet."""
        try:
            yield from self._measured(request, respond(request, serve))
            return
        except ContextOverflow as error:
            fewer = self._fewer(generation, request, error, resp)
            if fewer is None:
                raise
        again = plan(fewer)
        yield from self._measured(again, respond(again, serve))

    def _fewer(
        self, generation: GenerationRequest, request: EngineRequest, error: ContextOverflow, resp: falcon.Response
    ) -> GenerationRequest | None:
        """`generation` with as much of its sources as fits by the engine's count; `None` where nothing changes."""
        if not (request.sources_used and error.counted):
            return None
        self._ratios.note(request, error.prompt_tokens)
        fewer, outcome = self.prepared(replace(generation, messages=generation.unprepared), request.model)
        if fewer.messages == generation.messages:
            return None
        resp.set_header(RAG_HEADER, retrieval.describe(outcome.decision))
        return fewer

    def _measured(self, request: EngineRequest, events: Iterator[Event]) -> Iterator[Event]:
        """The same events; what their end tells of the model is remembered. Owns `events`."""
        with closing(events):
            for event in events:
                if isinstance(event, Done):
                    self._speeds.note(request.model, event)
                    self._ratios.note(request, event.usage.prompt_tokens)
                yield event
