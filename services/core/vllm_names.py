"""Our figures under the names that dashboards, load tools and autoscalers made for vLLM ask for.

They are copied at scrape time, so nothing is measured twice and the two can never disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

ENGINE = "0"
"""vLLM numbers its engines; there is one here."""

KEPT = {"model": "model_name", "finished_reason": "finished_reason", "le": "le"}
"""Our labels and vLLM's. Series that differ in other labels only are added up."""

REASONS = {"tool_calls": "stop"}
"""vLLM knows no such reason: an answer that calls a tool has stopped."""


@dataclass(frozen=True, slots=True)
class Alias:
    name: str
    """Without the prefix ``vllm:`` and, for a counter, without ``_total``."""
    source: MetricWrapperBase


class VllmNames(Collector):
    def __init__(self, aliases: Iterable[Alias]) -> None:
        self._aliases = tuple(aliases)

    def collect(self) -> Iterator[Metric]:
        for alias in self._aliases:
            for metric in alias.source.collect():
                yield renamed(metric, f"vllm:{alias.name}")

    def describe(self) -> Iterator[Metric]:
        """Names alone, for the registry's check that no two collectors export the same."""
        for alias in self._aliases:
            for metric in alias.source.describe():
                yield Metric(f"vllm:{alias.name}", metric.documentation, metric.type)


def renamed(metric: Metric, name: str) -> Metric:
    sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for sample in metric.samples:
        key = (name + sample.name.removeprefix(metric.name), tuple(relabelled(sample.labels)))
        sums[key] = sums.get(key, 0.0) + sample.value
    copy = Metric(name, metric.documentation, metric.type)
    for (sample_name, labels), value in sums.items():
        copy.add_sample(sample_name, dict(labels), value)
    return copy


def relabelled(labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "engine", ENGINE
    for name, value in labels.items():
        if name in KEPT:
            yield KEPT[name], REASONS.get(value, value)
