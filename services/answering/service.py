"""Answer requests of every dialect: turn a `GenerationRequest` into events. No step here knows HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from msgspec import structs

from services.answering import promise
from services.answering.answer_run import AnswerRun, Planned
from services.answering.plan import Prepared, plan
from services.answering.sources import RagState
from services.chat.ending import left_out
from services.chat.tokens import check_conversion
from services.chat.tools.offer import drop_reason
from services.core.client import Client
from services.core.errors import BadRequest, EngineFailed, ModelNotFound, Unavailable
from services.core.events import Data, Done, Event, Notice, Usage, Waiting, closing
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest
from services.core.settings import Settings
from services.engines.registry import unsupported
from services.models.catalog import Catalog
from services.scheduler.scheduler import Scheduler

ANSWERS = ("chat", "completion")
"""The capabilities of models that generate answers."""

NO_RIGHTS = "the server's own time applies; an administrator's key can change it"
"""Why a time of a client without admin rights has no effect."""

NO_REASONS: Mapping[str, str] = MappingProxyType({})
"""No reasons for ignored parameters."""


class Service:
    """Answer requests. Any thread may use it; each method says whether it blocks."""

    def __init__(self, settings: Settings, catalog: Catalog, scheduler: Scheduler, metrics: Metrics) -> None:
        self.settings, self.catalog, self.scheduler, self.metrics = settings, catalog, scheduler, metrics
        self._rag = RagState(settings, metrics)

    def model(self, name: str | None, *purposes: str) -> Model:
        """Return the model with the id or alias `name`. Does not block.

        A request without a name gets the default model if that can serve one of the `purposes` (by default: generate
        answers), else the only model that can. Raises `ModelNotFound` and `BadRequest`.
        """
        if name:
            return self.catalog.resolve(name)
        accepted = purposes or ANSWERS
        candidates = [model for model in self.catalog.models() if not model.capabilities.isdisjoint(accepted)]
        if self.settings.default_model:
            default = self.catalog.resolve(self.settings.default_model)
            # For an answer, the default model counts even if it cannot give one: the error then names it.
            candidates = [default] if default in candidates or not purposes else candidates
        if len(candidates) == 1:
            return candidates[0]
        raise BadRequest(
            f"The request names no model, and {len(candidates)} models can do it. Name one that GET /v1/models lists.",
            param="model",
        )

    def models(self) -> list[Model]:
        """Return the models on disk in the order of every list, since many clients chat with the first one.

        The default model comes first, then the loaded ones, then all others; those that cannot chat come last. Does not
        block.
        """
        loaded, default = self.scheduler.status().models, self._default_id()
        return sorted(
            self.catalog.models(),
            key=lambda model: ("chat" not in model.capabilities, model.id != default, model.id not in loaded),
        )

    def _default_id(self) -> str:
        """Return the id of the default model; empty where there is none."""
        with contextlib.suppress(ModelNotFound, Unavailable):
            return self.catalog.resolve(self.settings.default_model).id
        return ""

    def prepare(self, generation: GenerationRequest, model: Model) -> Prepared:
        """Return the messages of `generation` with selected sources. Does not block, and runs no model."""
        return self._rag.prepare(generation, model)

    def answers(
        self,
        generations: Sequence[GenerationRequest],
        model: Model,
        client: Client,
        *,
        choices: int = 1,
        ignored: Iterable[str] = (),
    ) -> Iterator[Iterator[Event]]:
        """Yield the events of each answer: `choices` per generation, planned at once, and run one after the other.

        The first events are `Notice`s; one of them names the `ignored` parameters of the dialect and those that the
        engine ignores. Raises `BadRequest` at once if the model cannot do what is requested. The events block, and
        raise what `Scheduler.serve` raises.
        """
        client.trace.model = model.id
        planned = [self._planned(generation, model, client.trace.id) for generation in generations]
        for item in planned:
            self._rag.count_decision(item.prepared)
        first = planned[0].request
        dropped = dict(lacking(first))
        odd = [*first.generation.unread, *left_out(first.generation.messages)]
        names = [*ignored, *odd, *dropped, *unsupported(self.settings, first)]
        warnings = [*self.warnings(names, dropped), *self.time_warnings(first.generation.keep_alive, client)]
        return self._run(planned, choices, warnings, client)

    def answer(
        self, generation: GenerationRequest, model: Model, client: Client, ignored: Iterable[str] = ()
    ) -> Iterator[Event]:
        """Return the events of the only answer to `generation`; see `answers`."""
        return next(self.answers([generation], model, client, ignored=ignored))

    def warnings(self, names: Sequence[str], reasons: Mapping[str, str] = NO_REASONS) -> Iterator[Notice]:
        """Count the parameters without effect, and yield the notice that names them, if there are any.

        `reasons` explain those that are ignored for some models only.
        """
        for name in names:
            self.metrics.ignored.labels(name).inc()
        if names:
            described = (f"{name} ({reasons[name]})" if name in reasons else name for name in names)
            yield Notice("warning", f"ignored: {', '.join(described)}; see docs/api.md")

    def time_warnings(self, keep_alive: float | None, client: Client) -> Iterator[Notice]:
        """Yield the notice that the client's key does not change how long a model stays loaded, where it wants to."""
        if keep_alive is not None and not client.caller.admin:
            yield from self.warnings(["keep_alive"], {"keep_alive": NO_RIGHTS})

    def keep_loaded(
        self, model: Model, client: Client, keep_alive: float | None
    ) -> Generator[Notice | Waiting, None, None]:
        """Load `model` as `Scheduler.select` does, and yield notices besides. Blocks and raises as that does."""
        yield from self.time_warnings(keep_alive, client)
        yield from self.scheduler.select(model, client, keep_alive)

    def data(self, request: EngineRequest, client: Client) -> Generator[Notice, None, tuple[Any, Usage]]:
        """Run a request for data, yield notices, and return the data and its usage.

        Blocks; raises what `Scheduler.serve` raises, `BadRequest` for a text that is too long, and `EngineFailed` if
        the engine did not send exactly one result.
        """
        client.trace.model = request.model.id
        check_conversion(request)
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
            raise EngineFailed(
                f"The engine sent {len(values)} results for one {request.kind} request; the log says more."
            )
        return values[0], usage

    def count_tokens(self, generation: GenerationRequest, model: Model, client: Client) -> Generator[Notice, None, int]:
        """Return the length in tokens of the prompt of `generation`. Yields, blocks and raises as `data` does."""
        planned = self._planned(generation, model, client.trace.id).request
        request = promise.settled(planned, client.caller.name)
        count, _ = yield from self.data(replace(request, kind="count"), client)
        return int(count)

    def _planned(self, generation: GenerationRequest, model: Model, request_id: str) -> Planned:
        prepared = self._rag.prepare(generation, model)
        return Planned(prepared, plan(generation, model, self.settings, request_id, prepared))

    def _run(
        self, planned: Sequence[Planned], choices: int, warnings: list[Notice], client: Client
    ) -> Iterator[Iterator[Event]]:
        alone = len(planned) * choices == 1
        for item in planned:
            for choice in range(choices):
                seeded_item = replace(item, request=with_seed(item.request, choice))
                # The time for reading is that of the request, and its choices answer from the same notes.
                answer = AnswerRun(seeded_item, client, self.scheduler, self._rag, self.settings, reads_on=not choice)
                # The headers belong to the whole response, so only the first answer has the warnings.
                yield answer.events(warnings, alone)
                warnings = []


def with_seed(request: EngineRequest, choice: int) -> EngineRequest:
    """Return `request` with the seed of a choice: the same request repeats all its choices, and they differ."""
    seed = request.sampling.seed
    if seed is None or not choice:
        return request
    return replace(request, sampling=structs.replace(request.sampling, seed=seed + choice))


def lacking(request: EngineRequest) -> Iterator[tuple[str, str]]:
    """Yield what a client asks for and its model cannot do, each with the reason."""
    generation, model = request.generation, request.model
    if generation.tools and not request.tools:
        yield "tools", drop_reason(model)
    # Without a template here, the engine's runtime has the switch.
    if generation.thinking and model.chat_template and not model.can_think:
        yield "thinking", "this model does not think"
