"""One run, measured: the events pass through unchanged, and what they tell goes to the metrics and the trace.

The stream itself tells of tokens and of the end; the scheduler tells of the two moments that no event marks: the turn
(`Run.scheduled`) and the loaded model (`Run.loaded`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.core.errors import ClientGone, QueueFull, ServiceError, ShuttingDown, TooManyRequests
from services.core.events import Data, Done, Event, Phase, Reasoning, Text
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.trace import Step, Trace

INTERNAL = "internal_error"


class Run:
    """Used by the thread that serves the run alone. It arrives when it is made."""

    def __init__(self, model: Model, metrics: Metrics, trace: Trace, clock: Callable[[], float]) -> None:
        self._model, self._metrics, self._trace, self._clock = model, metrics, trace, clock
        self._phase: Phase = "queued"
        self._over = False
        self._pieces = 0
        self._data = False
        self._between = metrics.between.labels(model.id)
        self._tokens = metrics.generation_tokens.labels(model.id)
        self._place = metrics.waiting.labels(model.id)
        self._arrival = self._mark = self._ready = self._first = self._last = clock()
        self._place.inc()
        trace.model = model.id

    def scheduled(self, new_turn: bool = True) -> None:
        """The turn is ours: a new one, or one that others have begun."""
        self._phase = "loading"
        self._metrics.turns.labels(self._model.id).inc(new_turn)
        self._place.dec()
        self._place = self._metrics.running.labels(self._model.id)
        self._place.inc()
        self._metrics.queue_time.labels(self._model.id).observe(self._spent("queue"))

    def loaded(self) -> None:
        """The model is there and the engine is told to run."""
        self._phase = "prefill"
        self._spent("load")
        self._ready = self._mark

    def saw(self, event: Event) -> None:
        if isinstance(event, Text | Reasoning):
            self._piece()
        elif isinstance(event, Data):
            self._data = True
        elif isinstance(event, Done):
            self._done(event)

    def cancelled(self) -> None:
        if not self._over:
            self._end("abort")
            self._metrics.cancelled.labels(self._model.id, self._phase).inc()

    def failed(self, error: Exception) -> None:
        cause = INTERNAL
        if isinstance(error, ServiceError):
            cause = error.code or error.type
        if isinstance(error, QueueFull | TooManyRequests | ShuttingDown):
            self._metrics.rejects.labels(cause).inc()
        self._end("error")
        self._metrics.failed.labels(self._model.id, self._phase, cause).inc()

    def close(self) -> None:
        """The turn, or the place in line, is left."""
        self._place.dec()

    def _spent(self, step: Step) -> float:
        """Seconds since the last mark, noted in the trace; sets the mark."""
        now = self._clock()
        seconds, self._mark = now - self._mark, now
        self._trace.spend(step, seconds)
        return seconds

    def _piece(self) -> None:
        """One piece is one token, but where an engine holds text back; `_done` settles the sum."""
        self._tokens.inc()
        self._pieces += 1
        if self._pieces == 1:
            self._begin()
        else:
            now = self._clock()
            self._between.observe(now - self._last)
            self._last = now

    def _begin(self) -> None:
        self._phase = "decode"
        self._metrics.prefill.labels(self._model.id).observe(self._spent("prefill"))
        self._first = self._last = self._mark
        self._metrics.first_token.labels(self._model.id).observe(self._first - self._arrival)
        if self._trace.first_token is None:
            self._trace.first_token = self._first - self._arrival

    def _done(self, done: Done) -> None:
        self._end(done.finish_reason)
        model, usage = self._model.id, done.usage
        self._trace.usage += usage
        self._metrics.prompt_tokens.labels(model).inc(usage.prompt_tokens)
        if not self._data:
            self._answered(done)

    def _answered(self, done: Done) -> None:
        """What only the end of an answer tells; data would make its averages say nothing."""
        model, usage = self._model.id, done.usage
        self._tokens.inc(max(0, usage.completion_tokens - self._pieces))
        self._metrics.cached_tokens.labels(model).inc(usage.cached_tokens)
        self._metrics.reuse.labels(model, "hit" if usage.cached_tokens else "miss").inc()
        self._metrics.prompt_size.labels(model).observe(usage.prompt_tokens)
        self._metrics.answer_size.labels(model).observe(usage.completion_tokens)
        filled = usage.prompt_tokens + usage.completion_tokens
        self._metrics.kv_usage.labels(model).set(filled / self._model.context_length)
        self._metrics.whole.labels(model).observe(self._clock() - self._arrival)
        if self._pieces:
            self._metrics.decode.labels(model).observe(self._last - self._first)
            self._metrics.inference.labels(model).observe(self._last - self._ready)

    def _end(self, outcome: str) -> None:
        """The answer's end, however it came: what was going on until now is noted as far as it went."""
        self._over = True
        self._trace.outcome = outcome
        steps: dict[Phase, Step] = {"queued": "queue", "loading": "load", "prefill": "prefill", "decode": "decode"}
        self._spent(steps[self._phase])


def observed(events: Iterator[Event], run: Run) -> Iterator[Event]:
    """The same events, and the same end: closing it closes `events` before `run` is over."""
    try:
        for event in events:
            run.saw(event)
            yield event
    except (GeneratorExit, ClientGone):
        run.cancelled()
        raise
    except Exception as error:
        run.failed(error)
        raise
    finally:
        close(events)
        run.close()


def close(events: Iterator[Event]) -> None:
    """Generators can be closed; other iterators have nothing to close."""
    if closer := getattr(events, "close", None):
        closer()
