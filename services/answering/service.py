"""From what a client asks for to the events of its answer: for every dialect, and without HTTP."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from msgspec import structs

from services.answering.answer import Answer, Planned
from services.answering.plan import Prepared, plan
from services.answering.sources import Sources
from services.chat.tools.offer import why_dropped
from services.core.client import Client
from services.core.errors import BadRequest, EngineFailed
from services.core.events import Data, Done, Event, Notice, Usage, Waiting, closing
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest
from services.core.settings import Settings
from services.engines.registry import unsupported
from services.models.catalog import Catalog
from services.scheduler.scheduler import Scheduler

ANSWERS = ("chat", "completion")
"""The capabilities of models that write answers."""

NO_REASONS: Mapping[str, str] = MappingProxyType({})

T = TypeVar("T")


class Service:
    """Answers requests. May be used from any thread; each method says whether it blocks."""

    def __init__(self, settings: Settings, catalog: Catalog, scheduler: Scheduler, metrics: Metrics) -> None:
        self.settings, self.catalog, self.scheduler, self.metrics = settings, catalog, scheduler, metrics
        self._sources = Sources(settings, metrics)

    def model(self, name: str | None, *purposes: str) -> Model:
        """Return the model a request names.

        One that names none gets the default where that can serve one of the `purposes` (answers, unless told
        otherwise), else the only one there is that can. Raises `ModelNotFound` and `BadRequest`.
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

    def prepare(self, generation: GenerationRequest, model: Model) -> Prepared:
        """Return the messages of `generation` with their sources selected; does not block, and asks no model."""
        return self._sources.prepare(generation, model)

    def answers(
        self,
        generations: Sequence[GenerationRequest],
        model: Model,
        client: Client,
        *,
        choices: int = 1,
        ignored: Iterable[str] = (),
    ) -> Iterator[Iterator[Event]]:
        """Yield the events of each answer: `choices` per generation, planned at once, run one after the other.

        The first events are `Notice`s; one names what of the request is `ignored`, by the dialect or by the engine.
        Raises `BadRequest` at once where the model cannot do what is asked; the events block, and raise what
        `Scheduler.serve` raises.
        """
        client.trace.model = model.id
        planned = [self._planned(generation, model, client.trace.id) for generation in generations]
        for one in planned:
            self._sources.count(one.prepared)
        first = planned[0].request
        dropped = {"tools": why_dropped(model)} if first.generation.tools and not first.tools else {}
        names = [*ignored, *dropped, *unsupported(self.settings, first)]
        warnings = list(self.warnings(names, dropped))
        return self._run(planned, choices, warnings, client)

    def answer(
        self, generation: GenerationRequest, model: Model, client: Client, ignored: Iterable[str] = ()
    ) -> Iterator[Event]:
        """Return the events of the one answer to `generation`; see `answers`."""
        return next(self.answers([generation], model, client, ignored=ignored))

    def warnings(self, names: Sequence[str], reasons: Mapping[str, str] = NO_REASONS) -> Iterator[Notice]:
        """Count the parameters that have no effect, and yield the notice that names them, if there are any.

        `reasons` say why, where that is not the same for all models.
        """
        for name in names:
            self.metrics.ignored.labels(name).inc()
        if names:
            described = (f"{name} ({reasons[name]})" if name in reasons else name for name in names)
            yield Notice("warning", f"ignored: {', '.join(described)}; see docs/api.md")

    def data(self, request: EngineRequest, client: Client) -> Generator[Notice, None, tuple[Any, Usage]]:
        """Run a request that wants data; yield notices, and return the data and what it took.

        Blocks; raises what `Scheduler.serve` raises.
        """
        client.trace.model = request.model.id
        values: list[Any] = []
        usage = Usage()
        with closing(self.scheduler.serve(request, client)) as events:
            for index, event in enumerate(events):
                if isinstance(event, Data):
                    values.append(event.value)
                elif isinstance(event, Done):
                    usage = event.usage
                    client.trace.outcome = event.finish_reason
                elif isinstance(event, Waiting) and not index:
                    yield Notice("state", str(event))
        if len(values) != 1:
            raise EngineFailed(f"The engine gave {len(values)} results for one {request.kind}; the log says more.")
        return values[0], usage

    def count_tokens(self, generation: GenerationRequest, model: Model, client: Client) -> Generator[Notice, None, int]:
        """Return the length of the prompt that `generation` would be answered from. As `data`."""
        planned = self._planned(generation, model, client.trace.id)
        count, _ = yield from self.data(replace(planned.request, kind="count"), client)
        return int(count)

    def _planned(self, generation: GenerationRequest, model: Model, request_id: str) -> Planned:
        prepared = self._sources.prepare(generation, model)
        return Planned(prepared, plan(generation, model, self.settings, request_id, prepared))

    def _run(
        self, planned: Sequence[Planned], choices: int, warnings: list[Notice], client: Client
    ) -> Iterator[Iterator[Event]]:
        alone = len(planned) * choices == 1
        for one in planned:
            for choice in range(choices):
                seeded_one = replace(one, request=seeded(one.request, choice))
                answer = Answer(seeded_one, client, self.scheduler, self._sources, self.settings)
                yield answer.events(warnings, alone)
                warnings = []


def seeded(request: EngineRequest, choice: int) -> EngineRequest:
    """Return `request` with the seed of a choice: a seeded request repeats all its choices, and they differ."""
    seed = request.sampling.seed
    if seed is None or not choice:
        return request
    return replace(request, sampling=structs.replace(request.sampling, seed=seed + choice))
