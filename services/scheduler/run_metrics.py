"""Measure one run: its events, and the two moments that no event marks, go to the metrics and to the trace.

The moments are the grant of the slot (`RunMetrics.scheduled`) and the end of the load (`RunMetrics.loaded`).
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from services.core.errors import ClientGone, QueueFull, ServiceError, ShuttingDown, TooManyRequests
from services.core.events import Data, Done, Event, Phase, Reasoning, Text, Usage
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.trace import Step, Trace

INTERNAL = "internal_error"
"""The cause of a failure that is no `ServiceError`: a bug."""

TOKENS = (Text, Reasoning)

FLUSH_INTERVAL = 1.0
"""Seconds until the metrics show a token at the latest. Shown one by one, at 50 tokens per second, they cost 6 % of the
CPU time of a token in this process: code that runs every 20 ms finds cold caches, and a batch finds them warm."""

STEPS: dict[Phase, Step] = {"queued": "queue", "loading": "load", "prefill": "prefill", "decode": "decode"}


class RunMetrics:
    """The measurement of one run, from its arrival in the queue to the end of the ``with`` block.

    The end is counted once: as cancelled where the client left or the generator was closed, as failed where an
    exception ended the block, else by the `Done` event. Only the thread that serves the run may use it. Nothing blocks.
    """

    def __init__(self, model: Model, metrics: Metrics, trace: Trace, clock: Callable[[], float]) -> None:
        """Note the arrival of a run of `model`. `clock` returns seconds of a monotonic clock."""
        self._model, self._metrics, self._trace, self._clock = model, metrics, trace, clock
        self._phase: Phase = "queued"
        self._ended = False
        self._tokens = 0
        self._data = False
        self._gaps: list[float] = []
        """Seconds between tokens that the metrics do not show yet."""
        self._gauge = metrics.waiting.labels(model.id)
        self._arrived = self._mark = self._loaded = self._first = self._last = self._flushed = clock()
        trace.model = model.id

    def __enter__(self) -> RunMetrics:
        """Count the run as waiting."""
        self._gauge.inc()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Count the end by its exception, which goes on, and take the run out of the gauges."""
        if isinstance(error, GeneratorExit | ClientGone):
            self._cancelled()
        elif isinstance(error, Exception):
            self._failed(error)
        self._gauge.dec()

    def scheduled(self, *, shared: bool) -> None:
        """Note that the run has the slot; `shared` where an earlier run of the same slot brought the model in."""
        model = self._model.id
        self._phase = "loading"
        if not shared:
            self._metrics.slots.labels(model).inc()
        self._gauge.dec()
        self._gauge = self._metrics.running.labels(model)
        self._gauge.inc()
        self._metrics.queue_time.labels(model).observe(self._end_step("queue"))

    def loaded(self) -> None:
        """Note that the model is loaded and the engine starts to run."""
        self._phase = "prefill"
        self._end_step("load")
        self._loaded = self._mark

    def record(self, event: Event) -> None:
        """Measure one event of the engine."""
        if isinstance(event, TOKENS):
            if event.text:  # without, it has the logprobs of earlier text
                self._token()
        elif isinstance(event, Data):
            self._data = True
        elif isinstance(event, Done):
            self._done(event)

    def _token(self) -> None:
        # One piece of text is one token, except where an engine holds text back; `_measure_answer` corrects the sum.
        self._tokens += 1
        if self._tokens == 1:
            self._first_token()
            return
        now = self._clock()
        self._gaps.append(now - self._last)
        self._last = now
        if now - self._flushed >= FLUSH_INTERVAL:
            self._flush()

    def _flush(self) -> None:
        """Show the tokens since the last flush in the metrics."""
        model = self._model.id
        observe = self._metrics.inter_token.labels(model).observe
        for gap in self._gaps:
            observe(gap)
        self._metrics.generation_tokens.labels(model).inc(len(self._gaps))
        self._gaps.clear()
        self._flushed = self._last

    def _first_token(self) -> None:
        model = self._model.id
        self._phase = "decode"
        self._metrics.generation_tokens.labels(model).inc()
        self._metrics.prefill.labels(model).observe(self._end_step("prefill"))
        self._first = self._last = self._flushed = self._mark
        self._metrics.first_token.labels(model).observe(self._first - self._arrived)
        if self._trace.first_token is None:
            self._trace.first_token = self._first - self._arrived

    def _done(self, done: Done) -> None:
        self._end(done.finish_reason)
        self._trace.usage += done.usage
        self._metrics.prompt_tokens.labels(self._model.id).inc(done.usage.prompt_tokens)
        if not self._data:
            self._measure_answer(done)

    def _measure_answer(self, done: Done) -> None:
        """Measure a whole answer. Runs that return data are left out: they would distort the averages."""
        model, usage = self._model.id, done.usage
        self._metrics.generation_tokens.labels(model).inc(max(0, usage.completion_tokens - self._tokens))
        self._metrics.cached_tokens.labels(model).inc(usage.cached_tokens)
        self._metrics.reuse.labels(model, "hit" if usage.cached_tokens else "miss").inc()
        self._metrics.prompt_size.labels(model).observe(usage.prompt_tokens)
        self._metrics.answer_size.labels(model).observe(usage.completion_tokens)
        filled = usage.prompt_tokens + usage.completion_tokens
        self._metrics.kv_usage.labels(model).set(filled / self._model.context_length)
        self._metrics.end_to_end.labels(model).observe(self._clock() - self._arrived)
        if self._tokens:
            self._metrics.decode.labels(model).observe(self._last - self._first)
            self._metrics.inference.labels(model).observe(self._last - self._loaded)

    def _cancelled(self) -> None:
        if self._ended:
            return  # the client has the whole answer
        self._count_pieces()
        self._end("abort")
        self._metrics.cancelled.labels(self._model.id, self._phase).inc()

    def _failed(self, error: Exception) -> None:
        cause = (error.code or error.type) if isinstance(error, ServiceError) else INTERNAL
        if isinstance(error, QueueFull | TooManyRequests | ShuttingDown):
            self._metrics.rejects.labels(cause).inc()
        self._count_pieces()
        self._end("error")
        self._metrics.failed.labels(self._model.id, self._phase, cause).inc()

    def _count_pieces(self) -> None:
        """Note the tokens of an answer that broke off: the engine's own counts come with its end alone."""
        if not self._ended:
            self._trace.usage += Usage(completion_tokens=self._tokens)

    def _end(self, outcome: str) -> None:
        """Note the outcome, the last tokens, and the time of the step that it ended."""
        self._flush()
        self._ended = True
        self._trace.outcome = outcome
        self._end_step(STEPS[self._phase])

    def _end_step(self, step: Step) -> float:
        """Add the seconds since the last step's end to the trace and return them."""
        now = self._clock()
        seconds, self._mark = now - self._mark, now
        self._trace.add_time(step, seconds)
        return seconds
