"""Run one answer: kept from before, or new; with fewer sources where the prompt turns out too long."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from services.answering import repair
from services.answering.plan import Prepared, plan
from services.answering.sources import Sources, notices
from services.chat import reasoning
from services.chat.tokens import fewest
from services.chat.tools import stage
from services.core.client import Client
from services.core.errors import ContextOverflow
from services.core.events import Done, Event, Notice, Waiting, closing
from services.core.request import EngineRequest
from services.core.settings import Settings
from services.scheduler.scheduler import Scheduler

Serve = Callable[[EngineRequest], Iterator[Event]]
"""Runs a request on its engine: `Scheduler.serve` on behalf of one client."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One generation, ready to run."""

    prepared: Prepared
    request: EngineRequest


class Answer:
    """One answer. Used by the thread that serves its request alone."""

    def __init__(
        self, planned: Planned, client: Client, scheduler: Scheduler, sources: Sources, settings: Settings
    ) -> None:
        self._prepared, self._request, self._client = planned.prepared, planned.request, client
        self._scheduler, self._sources, self._settings = scheduler, sources, settings
        self._is_new = True

    def events(self, first: Iterable[Notice], alone: bool) -> Generator[Event]:
        """Yield the notices in `first`, those of the sources, and the events of the answer.

        An answer is kept, or given again, only if it is `alone`: the choices of one request are meant to differ.
        Blocks between events; closing it cancels. Raises what `Scheduler.serve` raises. This is the one step above the
        scheduler that watches every event.
        """
        yield from first
        yield from notices(self._prepared)
        begun = False
        with closing(self._kept_or_new(alone)) as events:
            for event in events:
                if not begun and not isinstance(event, Notice):
                    begun = True
                    if isinstance(event, Waiting):
                        yield Notice("state", str(event))
                if isinstance(event, Done):
                    self._ended(event)
                yield event

    def _ended(self, done: Done) -> None:
        self._client.trace.outcome = done.finish_reason
        if self._is_new:
            self._sources.learn(self._request, done)

    def _kept_or_new(self, alone: bool) -> Iterator[Event]:
        if not self._request.sources_used:
            return self._new()
        return self._kept_or_fresh() if alone else self._with_fewer_sources()

    def _kept_or_fresh(self) -> Iterator[Event]:
        kept = self._sources.kept(self._request)
        self._is_new = kept is None
        yield Notice("cache", "miss" if kept is None else "hit")
        yield from self._sources.keep(self._request, self._with_fewer_sources()) if kept is None else kept

    def _with_fewer_sources(self) -> Iterator[Event]:
        """Yield a new answer; where its prompt turns out too long, begin again with fewer sources.

        Nothing was sent then: an engine counts the prompt before it writes.
        """
        try:
            yield from self._new()
            return
        except ContextOverflow as error:
            fewer = self._sources.prepare_fewer(self._prepared, self._request, error)
            if fewer is None:
                raise
        yield from notices(fewer)
        before = self._request
        again = plan(before.generation, before.model, self._settings, before.id, fewer)
        self._request = replace(again, sampling=before.sampling)
        yield from self._new()

    def _new(self) -> Iterator[Event]:
        return respond(self._request, partial(self._scheduler.serve, client=self._client))


def respond(request: EngineRequest, serve: Serve) -> Iterator[Event]:
    """Return the events of a new answer; its format is checked where no grammar makes sure of it.

    Raises `ContextOverflow` at once where the prompt is too long in any case: an engine would take long to count it.
    """
    if (tokens := fewest(request)) >= request.model.context_length:
        raise ContextOverflow(tokens, request.model.context_length, counted=False)
    run = partial(told_apart, serve=serve)
    return repair.checked(request, run) if repair.needed(request) else run(request)


def told_apart(request: EngineRequest, serve: Serve) -> Iterator[Event]:
    """Return the events of one run, with a chat's reasoning and its calls told from its text."""
    events = serve(request)
    if request.kind == "chat":
        events = reasoning.split(events)
    return stage.split(request, events) if request.tools else events
