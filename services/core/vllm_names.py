"""Export our metrics also under vLLM's names, for dashboards, load tools and autoscalers that are made for vLLM.

They are copied at scrape time, so nothing is measured twice and both always have the same values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

ENGINE = "0"
"""vLLM numbers its engines; there is one here."""

LABELS = {"model": "model_name", "finished_reason": "finished_reason", "le": "le"}
"""Our labels and vLLM's names for them. Series that differ only in other labels are added up."""

REASONS = {"tool_calls": "stop"}
"""Our finish reasons that vLLM does not have, and its own for them."""


@dataclass(frozen=True, slots=True)
class Alias:
    """One of vLLM's names and the metric of ours that it stands for."""

    name: str
    """vLLM's name without the prefix ``vllm:`` and, for a counter, without ``_total``."""
    source: MetricWrapperBase


class VllmNames(Collector):
    """A collector that exports copies of other metrics."""

    def __init__(self, aliases: Iterable[Alias]) -> None:
        """Take the metrics to copy."""
        self._aliases = tuple(aliases)

    def collect(self) -> Iterator[Metric]:
        """Yield each metric under vLLM's name, with its present values."""
        for alias in self._aliases:
            for metric in alias.source.collect():
                yield renamed(metric, f"vllm:{alias.name}")

    def describe(self) -> Iterator[Metric]:
        """Yield the names alone: the registry checks that no two collectors export the same one."""
        for alias in self._aliases:
            for metric in alias.source.describe():
                yield Metric(f"vllm:{alias.name}", metric.documentation, metric.type)


def renamed(metric: Metric, name: str) -> Metric:
    """Return a copy of `metric` with another name and vLLM's labels."""
    sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for sample in metric.samples:
        key = (name + sample.name.removeprefix(metric.name), tuple(relabelled(sample.labels)))
        sums[key] = sums.get(key, 0.0) + sample.value
    copy = Metric(name, metric.documentation, metric.type)
    for (sample_name, labels), value in sums.items():
        copy.add_sample(sample_name, dict(labels), value)
    return copy


def relabelled(labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield vLLM's labels and their values for ours."""
    yield "engine", ENGINE
    for name, value in labels.items():
        if name in LABELS:
            yield LABELS[name], REASONS.get(value, value)
