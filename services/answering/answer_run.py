"""Produce one answer: from the cache, or from the engine, and with fewer sources if the prompt is too long.

A page's request for search queries is answered here, too, without an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from services.answering import promise, repair
from services.answering.digest_run import read_parts
from services.answering.plan import Prepared, plan
from services.answering.repair import merge_done
from services.answering.sources import RagState, decision_notice, source_notices
from services.chat import reasoning
from services.chat.search_queries import query_answer
from services.chat.tokens import minimum_tokens
from services.chat.tools import stream
from services.core.client import Client
from services.core.errors import ContextOverflow
from services.core.events import Done, Event, Notice, Text, Usage, Waiting, closing
from services.core.request import EngineRequest
from services.core.settings import Settings
from services.scheduler.scheduler import Scheduler

Serve = Callable[[EngineRequest], Iterator[Event]]
"""Runs a request on its engine: `Scheduler.serve` for one client."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A generation that is ready to run."""

    prepared: Prepared
    request: EngineRequest


class AnswerRun:
    """Produce one answer. Only the thread that serves its request may use it."""

    def __init__(
        self,
        planned: Planned,
        client: Client,
        scheduler: Scheduler,
        rag: RagState,
        settings: Settings,
        reads_on: bool = True,
    ) -> None:
        """Take whether documents may be read on for this answer, besides what is known of them."""
        self._prepared, self._request, self._client = planned.prepared, planned.request, client
        self._scheduler, self._rag, self._settings = scheduler, rag, settings
        self._is_new, self._reads_on = True, reads_on
        self._read: Done | None = None
        """The end of the runs that read documents in parts before the answer."""

    def events(self, first: Iterable[Notice], alone: bool) -> Generator[Event]:
        """Yield the notices in `first`, those about the sources, and the events of the answer.

        The cache is used only if the answer is `alone`: several choices of one request are meant to differ. Blocks
        between events; closing the generator cancels the run. Raises what `Scheduler.serve` raises. This is the only
        step above the scheduler that reads every event.
        """
        yield from first
        yield from source_notices(self._prepared)
        begun = False
        with closing(self._read_and_answer(alone)) as events:
            for event in events:
                # Only the first event can still become a header: the bytes of the second one are sent behind it.
                if not begun and not isinstance(event, Notice):
                    begun = True
                    if isinstance(event, Waiting):
                        yield Notice("state", str(event))
                yield self._ended(event) if isinstance(event, Done) else event

    def _ended(self, done: Done) -> Done:
        """Note the end of the answer; return it with all that the model read and wrote before it."""
        self._client.trace.outcome = done.finish_reason
        # A cached answer measured nothing.
        if self._is_new:
            self._rag.learn(self._request, done)
        return merge_done(self._read, done)

    def _read_and_answer(self, alone: bool) -> Iterator[Event]:
        yield from self._read_documents()
        yield from self._cached_or_new(alone)

    def _read_documents(self) -> Iterator[Event]:
        """Let the model read documents that do not fit in parts, where the question is about the whole of them."""
        reading = self._rag.reading(self._prepared, self._request, self._client.caller.name)
        if reading is None:
            return
        reading = replace(reading, reads_on=reading.reads_on and self._reads_on)
        if reading.unread and self._prepared.outcome:
            yield decision_notice(reading.announced(self._prepared.outcome.decision))
        run = partial(respond, serve=self._serve, owner=self._client.caller.name)
        self._read = yield from read_parts(reading, self._request, self._settings, self._rag, run)
        # The first token is that of the answer.
        self._client.trace.first_token = None
        if reading.read:
            before = self._request
            self._plan_again(self._rag.prepare(before.generation, before.model, reading))
        yield from source_notices(self._prepared)

    def _plan_again(self, prepared: Prepared) -> None:
        """Plan the request again, with other messages. The seed of this choice stays."""
        before = self._request
        again = plan(before.generation, before.model, self._settings, before.id, prepared)
        self._prepared, self._request = prepared, replace(again, sampling=before.sampling)

    def _cached_or_new(self, alone: bool) -> Iterator[Event]:
        # Whoever searches the web waits for the queries, and they need no model.
        if not self._request.has_promise and (queries := query_answer(self._request.generation.messages)):
            self._is_new = False
            return iter((Text(queries), Done("stop", Usage())))
        # Only answers from sources are cached: without sources, a repeated question wants another answer.
        if not self._request.sources_used:
            return self._new()
        return self._look_up_or_run() if alone else self._with_fewer_sources()

    def _look_up_or_run(self) -> Iterator[Event]:
        request, owner = self._request, self._client.caller.name
        cached = self._rag.cached(request, owner)
        self._is_new = cached is None
        yield Notice("cache", "miss" if cached is None else "hit")
        yield from self._rag.caching(request, owner, self._with_fewer_sources()) if cached is None else cached

    def _with_fewer_sources(self) -> Iterator[Event]:
        """Yield a new answer; if its prompt is too long, start again with fewer sources.

        Nothing was sent by then: an engine counts the prompt before it writes.
        """
        try:
            yield from self._new()
            return
        except ContextOverflow as error:
            fewer = self._rag.prepare_fewer(self._prepared, self._request, error)
            if fewer is None:
                raise
        yield from source_notices(fewer)
        self._plan_again(fewer)
        yield from self._new()

    def _new(self) -> Iterator[Event]:
        return respond(self._request, self._serve, self._client.caller.name)

    def _serve(self, request: EngineRequest) -> Iterator[Event]:
        return self._scheduler.serve(request, self._client)


def respond(request: EngineRequest, serve: Serve, owner: str = "") -> Iterator[Event]:
    """Return the events of a new answer; it is held against its schema if it has one.

    `owner` is the name of the key that asks. Raises `ContextOverflow` at once if the prompt is too long in any case: an
    engine would take long to count it. Blocks and raises as `promise.settled` does.
    """
    if (tokens := minimum_tokens(request)) >= request.model.context_length:
        raise ContextOverflow(tokens, request.model.context_length, counted=False)
    run, request = partial(split_run, serve=serve), promise.settled(request, owner)
    return repair.checked_events(request, run) if request.has_promise else run(request)


def split_run(request: EngineRequest, serve: Serve) -> Iterator[Event]:
    """Return the events of one run; reasoning and calls are separated from the text of a chat."""
    events = serve(request)
    # A raw prompt has no chat template, so tags in its continuation are text.
    if request.kind == "chat":
        events = reasoning.split(events)
    return stream.split_calls(request, events) if request.tools else events
