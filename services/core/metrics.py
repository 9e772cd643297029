"""Define the metrics that this server exports, in one object.

Names mean what they mean in vLLM: the time to the first token begins when the request enters the queue; prefill begins
when the request has the slot and the model is loaded. All durations come from a monotonic clock. A label is always a
value from a closed set (a model on disk, a route, an error code), never a client's text, so the number of series is
bounded.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from services import __version__
from services.core.vllm_names import Alias, VllmNames

# fmt: off
FIRST_TOKEN = (.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560)
BETWEEN = (.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
PHASE = (.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
# fmt: on
"""Seconds. These are vLLM's buckets; a board that prefills many thousand tokens needs the largest ones."""
TOKENS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000)

LOAD_FAILURES = ("engine_failed", "engine_timeout", "unavailable")
EVICTIONS = ("swap", "changed", "idle", "request")
PHASES = ("queued", "loading", "prefill", "decode")
REJECTS = ("queue_full", "rate_limit_exceeded", "shutting_down")
RAG_DECISIONS = ("context", "follow_up", "plain")
RAG_CACHE = ("hit", "miss")
RAG_PARTS = ("read", "cached", "left")


class Metrics:
    """All metrics of the server. Methods may be called from any thread and never block."""

    def __init__(self, vllm_names: bool = True) -> None:
        """Create all metrics. `vllm_names` also exports the series of vLLM's own dashboard."""
        # Else each counter has a second series with its creation time, which nothing here reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._latency()
        self._volume()
        self._queue()
        self._models()
        self._decisions()
        self._facts()
        ProcessCollector(registry=self.registry)
        if vllm_names:
            self.registry.register(VllmNames(self._aliases()))

    def page(self) -> bytes:
        """Return the body of ``GET /metrics``, as Prometheus text: the OpenMetrics encoder replaces vLLM's colons."""
        return generate_latest(self.registry)

    def start_at_zero(self, models: Iterable[str]) -> None:
        """Start the counters of `models` at 0: a counter that first appears with 1 shows no increase."""
        for model in models:
            self.engine_restarts.labels(model)
            for values, counter in (
                (LOAD_FAILURES, self.load_failures),
                (EVICTIONS, self.evictions),
                (PHASES, self.cancelled),
            ):
                for value in values:
                    counter.labels(model, value)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, help_text, ["model"], namespace="rkllm", buckets=buckets, registry=self.registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(name, help_text, labels, namespace="rkllm", registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(name, help_text, labels, namespace="rkllm", registry=self.registry)

    def _latency(self) -> None:
        self.first_token = self._histogram(
            "time_to_first_token_seconds", "From entering the queue to the first token.", FIRST_TOKEN
        )
        self.inter_token = self._histogram("inter_token_latency_seconds", "Time between two tokens.", BETWEEN)
        self.end_to_end = self._histogram(
            "e2e_request_latency_seconds", "From entering the queue to the end, complete answers.", PHASE
        )
        self.queue_time = self._histogram("request_queue_time_seconds", "From entering the queue to the slot.", PHASE)
        self.prefill = self._histogram(
            "request_prefill_time_seconds", "From slot and loaded model to the first token.", PHASE
        )
        self.decode = self._histogram("request_decode_time_seconds", "From the first token to the last.", PHASE)
        self.inference = self._histogram(
            "request_inference_time_seconds", "From slot and loaded model to the last token.", PHASE
        )

    def _volume(self) -> None:
        self.requests = self._counter(
            "requests", "Requests for an answer that named a known model.", "endpoint", "model", "finished_reason",
            "status",
        )  # fmt: skip
        self.http_requests = self._counter("http_requests", "All HTTP requests.", "endpoint", "method", "status")
        self.prompt_tokens = self._counter("prompt_tokens", "Prompt tokens of complete answers.", "model")
        self.generation_tokens = self._counter(
            "generation_tokens", "Generated tokens, counted every second while they come.", "model"
        )
        self.cached_tokens = self._counter(
            "prompt_tokens_cached", "Prompt tokens whose KV cache entries were reused.", "model"
        )
        self.reuse = self._counter("kv_reuse", "Complete answers, by reuse of the KV cache.", "model", "result")
        self.prompt_size = self._histogram("request_prompt_tokens", "Prompt tokens of a complete answer.", TOKENS)
        self.answer_size = self._histogram("request_generation_tokens", "Tokens of a complete answer.", TOKENS)
        self.kv_usage = self._gauge(
            "kv_cache_usage_ratio", "Share of the context that the last complete answer filled, 0 to 1.", "model"
        )

    def _queue(self) -> None:
        self.running = self._gauge("requests_running", "Requests that have the slot.", "model")
        self.waiting = self._gauge("requests_waiting", "Requests in the queue.", "model")
        self.queue_depth = self._gauge("queue_depth", "Places in the queue (the setting queue_depth).")
        self.places_taken = self._gauge("queue_places_taken", "Taken places; requests that share a slot take one.")
        self.low_priority = self._counter("background_requests", "Low-priority requests.", "model")
        self.slots = self._counter("turns", "Slots used; requests for vectors can share one.", "model")
        self.rejects = self._counter("queue_rejects", "Requests that the queue refused.", "reason")
        for reason in REJECTS:
            self.rejects.labels(reason)
        self.cancelled = self._counter("requests_cancelled", "Requests whose client left.", "model", "phase")
        self.failed = self._counter("requests_failed", "Requests that ended with an error.", "model", "phase", "cause")

    def _models(self) -> None:
        self.load_time = self._histogram("model_load_time_seconds", "From the engine's start to its readiness.", PHASE)
        self.load_failures = self._counter("model_load_failures", "Loads that failed.", "model", "cause")
        self.evictions = self._counter("model_evictions", "Unloads of a running engine.", "model", "reason")
        self.engine_restarts = self._counter("engine_restarts", "Starts after an engine died.", "model")
        self.loaded = self._gauge("model_loaded", "1 for each model that is loaded.", "model")
        self.engine_up = self._gauge("engine_up", "1 while an engine process runs.")

    def _decisions(self) -> None:
        self.ignored = self._counter("parameters_ignored", "Parameters ignored, with a warning.", "parameter")
        self.rag_decisions = self._counter("rag_decisions", "Chats, by what was decided on sources.", "decision")
        self.rag_cache = self._counter("rag_cache", "Look-ups in the answer cache.", "result")
        self.rag_parts = self._counter("rag_parts", "Parts of long documents: read, known, or left unread.", "result")
        for decision in RAG_DECISIONS:
            self.rag_decisions.labels(decision)
        for result in RAG_CACHE:
            self.rag_cache.labels(result)
        for result in RAG_PARTS:
            self.rag_parts.labels(result)

    def _facts(self) -> None:
        build = self._gauge("build_info", "Version of the server.", "version", "python", "machine")
        build.labels(__version__, platform.python_version(), platform.machine()).set(1)
        self.runtime = self._gauge("runtime_info", "Version of the library that an engine uses.", "engine", "version")

    def _aliases(self) -> list[Alias]:
        """Return our metric for each series of vLLM. vLLM has two names for the time between tokens."""
        return [
            Alias("e2e_request_latency_seconds", self.end_to_end),
            Alias("time_to_first_token_seconds", self.first_token),
            Alias("inter_token_latency_seconds", self.inter_token),
            Alias("time_per_output_token_seconds", self.inter_token),
            Alias("request_queue_time_seconds", self.queue_time),
            Alias("request_prefill_time_seconds", self.prefill),
            Alias("request_decode_time_seconds", self.decode),
            Alias("request_inference_time_seconds", self.inference),
            Alias("request_prompt_tokens", self.prompt_size),
            Alias("request_generation_tokens", self.answer_size),
            Alias("request_max_num_generation_tokens", self.answer_size),
            Alias("prompt_tokens", self.prompt_tokens),
            Alias("generation_tokens", self.generation_tokens),
            Alias("prefix_cache_queries", self.prompt_tokens),
            Alias("prefix_cache_hits", self.cached_tokens),
            Alias("num_requests_running", self.running),
            Alias("num_requests_waiting", self.waiting),
            Alias("kv_cache_usage_perc", self.kv_usage),
            Alias("request_success", self.requests),
        ]
