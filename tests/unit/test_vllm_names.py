"""The names that dashboards made for vLLM ask for."""

from __future__ import annotations

import re

from services.core.metrics import Metrics

BOARD = [
    "e2e_request_latency_seconds_bucket",
    "e2e_request_latency_seconds_sum",
    "e2e_request_latency_seconds_count",
    "generation_tokens_total",
    "inter_token_latency_seconds_bucket",
    "inter_token_latency_seconds_sum",
    "inter_token_latency_seconds_count",
    "kv_cache_usage_perc",
    "num_requests_running",
    "num_requests_waiting",
    "prompt_tokens_total",
    "request_decode_time_seconds_sum",
    "request_generation_tokens_bucket",
    "request_max_num_generation_tokens_sum",
    "request_prefill_time_seconds_sum",
    "request_prompt_tokens_bucket",
    "request_queue_time_seconds_sum",
    "request_success_total",
    "time_per_output_token_seconds_bucket",
    "time_per_output_token_seconds_sum",
    "time_per_output_token_seconds_count",
    "time_to_first_token_seconds_bucket",
    "time_to_first_token_seconds_sum",
    "time_to_first_token_seconds_count",
]
"""What the Grafana board in vLLM's repository queries, in its present and its older names."""


def used(vllm_names: bool = True) -> Metrics:
    metrics = Metrics(vllm_names)
    for instrument in (
        metrics.first_token, metrics.inter_token, metrics.end_to_end, metrics.queue_time, metrics.prefill,
        metrics.decode, metrics.inference, metrics.prompt_size, metrics.answer_size,
    ):  # fmt: skip
        instrument.labels("m").observe(0.7)
    for counter in (metrics.prompt_tokens, metrics.generation_tokens, metrics.cached_tokens):
        counter.labels("m").inc(5)
    for gauge in (metrics.running, metrics.waiting, metrics.kv_usage):
        gauge.labels("m").set(1)
    metrics.requests.labels("/v1/chat/completions", "m", "stop", "200").inc()
    return metrics


def test_every_series_of_the_board_is_there_with_its_labels() -> None:
    page = used().page().decode()
    for name in BOARD:
        found = re.findall(rf"^vllm:{name}(\{{.*\}}) ", page, re.MULTILINE)
        assert found, name
        assert all('engine="0"' in labels and 'model_name="m"' in labels for labels in found), name


def test_they_say_what_our_own_series_say() -> None:
    registry = used().registry
    labels = {"model_name": "m", "engine": "0"}
    assert registry.get_sample_value("vllm:prompt_tokens_total", labels) == 5
    assert registry.get_sample_value("vllm:time_to_first_token_seconds_sum", labels) == 0.7
    assert registry.get_sample_value("vllm:time_to_first_token_seconds_bucket", {**labels, "le": "0.75"}) == 1
    assert registry.get_sample_value("vllm:time_to_first_token_seconds_bucket", {**labels, "le": "0.5"}) == 0


def test_requests_are_added_up_over_endpoints_and_reasons_are_those_vllm_knows() -> None:
    metrics = used()
    metrics.requests.labels("/v1/completions", "m", "stop", "200").inc(2)
    metrics.requests.labels("/v1/chat/completions", "m", "tool_calls", "200").inc(4)
    metrics.requests.labels("/v1/chat/completions", "m", "error", "502").inc()
    metrics.requests.labels("/v1/chat/completions", "m", "error", "504").inc()

    def of(reason: str) -> float | None:
        labels = {"model_name": "m", "engine": "0", "finished_reason": reason}
        return metrics.registry.get_sample_value("vllm:request_success_total", labels)

    assert (of("stop"), of("error"), of("tool_calls")) == (7, 2, None)


def test_they_can_be_switched_off() -> None:
    assert b"vllm:" not in used(vllm_names=False).page()
