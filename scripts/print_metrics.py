"""Prints what ``GET /metrics`` answers, from an application in this process: for ``promtool check metrics``.

It serves nobody, so each instrument shows one made-up child. vLLM's names are left out: their colon is theirs, and
promtool rightly complains about it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import falcon.testing
from prometheus_client.metrics import MetricWrapperBase

from services.api.app import build
from services.core.metrics import Metrics
from services.core.settings import Settings


def show(metrics: Metrics) -> None:
    """An instrument with labels exports nothing before its first child, and promtool skips it then."""
    for instrument in vars(metrics).values():
        if isinstance(instrument, MetricWrapperBase) and instrument._labelnames:
            instrument.labels(*instrument._labelnames)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = build(Settings(models_dir=Path(folder), metrics_vllm_names=False))
        show(app.service.metrics)
        sys.stdout.write(falcon.testing.TestClient(app).simulate_get("/metrics").text)
        app.stop()


if __name__ == "__main__":
    main()
