"""What the resources of all dialects share: the way from a request's body, through its asks, to their events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import falcon

from services.answering.plan import plan
from services.answering.sources import Plan, Sources
from services.api.http.body import client, parse
from services.api.http.stream import describe, observed
from services.core.errors import BadRequest, EngineFailed
from services.core.events import Data, Done, Event, Usage, Waiting, closing
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest
from services.core.settings import Settings
from services.engines.support import unsupported
from services.models.catalog import Catalog
from services.scheduler.scheduler import Scheduler

WARNING_HEADER = "X-RKLLM-Warning"
STATE_HEADER = "X-RKLLM-State"

ANSWERS = ("chat", "completion")
"""What a model can do that writes answers."""

T = TypeVar("T")


class Service:
    """The settings, the models, the scheduler, the metrics, the sources."""

    def __init__(self, settings: Settings, catalog: Catalog, scheduler: Scheduler, metrics: Metrics) -> None:
        self.settings, self.catalog, self.scheduler, self.metrics = settings, catalog, scheduler, metrics
        self.sources = Sources(settings, metrics)

    def parse(self, req: falcon.Request, kind: type[T], blank: bytes = b"") -> T:
        """The request's body as a `kind`, an empty one as if it were `blank`.

        Raises `BadRequest` and what reading a body raises.
        """
        return parse(req, kind, self.settings.max_body_bytes, self.settings.client_timeout, blank)

    def model(self, name: str | None, *purposes: str) -> Model:
        """The model a request names.

        One that names none gets the default where that can serve one of the `purposes` (answers, unless told
        otherwise), else the only one there is that can.
        """
        if name:
            return self.catalog.resolve(name)
        wanted = purposes or ANSWERS
        able = [model for model in self.catalog.models() if not model.capabilities.isdisjoint(wanted)]
        if self.settings.default_model:
            default = self.catalog.resolve(self.settings.default_model)
            able = [default] if default in able or not purposes else able
        if len(able) == 1:
            return able[0]
        raise BadRequest("The request names no model; GET /v1/models lists them.", param="model")

    def answers(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        model: Model,
        asks: Sequence[GenerationRequest],
        ignored: Iterable[str] = (),
    ) -> Iterator[Iterator[Event]]:
        """The events of each of `asks`, all for `model`, planned at once and run one after the other when asked for.

        Headers name what is `ignored` and what the engine does not do. Raises `BadRequest` where the model cannot do
        what is asked; the events raise what `Scheduler.serve` raises.
        """

        def planned(generation: GenerationRequest) -> EngineRequest:
            return plan(generation, model, self.settings, req.context.id)

        jobs = [planned(generation) for generation in asks]
        dropped = ["tools"] if asks[0].tools and not jobs[0].tools else []
        self.warn(resp, [*ignored, *dropped, *unsupported(self.settings, jobs[0])])
        req.context.trace.model = model.id
        return self._run(list(zip(asks, jobs, strict=True)), planned, req, resp)

    def warn(self, resp: falcon.Response, names: list[str]) -> None:
        """A header that names what of a request has no effect."""
        if names:
            resp.set_header(WARNING_HEADER, f"ignored: {', '.join(names)}; see docs/api.md")
        for name in names:
            self.metrics.ignored.labels(name).inc()

    def data(self, req: falcon.Request, resp: falcon.Response, job: EngineRequest) -> tuple[Any, Usage]:
        """The result of a `job` that wants data, and what it took. Blocks; raises what `Scheduler.serve` raises."""
        req.context.trace.model = job.model.id
        values: list[Any] = []
        usage = Usage()
        with closing(observed(self.scheduler.serve(job, client(req)), teller(resp), req.context.trace)) as events:
            for event in events:
                if isinstance(event, Data):
                    values.append(event.value)
                elif isinstance(event, Done):
                    usage = event.usage
        if len(values) != 1:
            raise EngineFailed(f"The engine gave {len(values)} results for one {job.kind}; the log says more.")
        return values[0], usage

    def count(self, req: falcon.Request, resp: falcon.Response, generation: GenerationRequest, model: Model) -> int:
        """How many tokens the prompt has that a chat would be answered from, its sources prepared. As `data`."""
        generation, _ = self.sources.prepared(generation, model)
        count, _ = self.data(req, resp, replace(plan(generation, model, self.settings, req.context.id), kind="count"))
        return int(count)

    def _run(
        self,
        jobs: list[tuple[GenerationRequest, EngineRequest]],
        planned: Plan,
        req: falcon.Request,
        resp: falcon.Response,
    ) -> Iterator[Iterator[Event]]:
        """Where the first answer waits first, a header says for what."""
        who, trace, first = client(req), req.context.trace, teller(resp)

        def serve(job: EngineRequest) -> Iterator[Event]:
            return self.scheduler.serve(job, who)

        for generation, job in jobs:
            events = told_again(self.sources.events(generation, job, planned, serve, resp, len(jobs) == 1), resp)
            yield observed(events, first, trace)


def told_again(events: Iterator[Event], resp: falcon.Response) -> Iterator[Event]:
    """The same events; a second attempt is named in a header, where headers can still be sent."""
    with closing(events):
        for event in events:
            if isinstance(event, Waiting) and event.phase == "retry":
                before = resp.get_header(WARNING_HEADER)
                resp.set_header(WARNING_HEADER, "; ".join(filter(None, [before, f"retried: {event.reason}"])))
            yield event


def teller(resp: falcon.Response) -> Callable[[Event], None]:
    """Takes the first event of a run; where it is one of waiting, a header of `resp` says for what."""

    def first(event: Event) -> None:
        if isinstance(event, Waiting):
            resp.set_header(STATE_HEADER, describe(event))

    return first
