"""Print the answer of ``GET /metrics`` from an application in this process, for ``promtool check metrics``.

    python -m scripts.print_metrics

The application serves no requests, so each instrument gets one artificial child. vLLM's names are left out: they
contain a colon, and promtool reports that.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import falcon.testing
from prometheus_client.metrics import MetricWrapperBase

from services.api.app import build
from services.core.metrics import Metrics
from services.core.settings import Settings


def show(metrics: Metrics) -> None:
    """Create a child of each instrument with labels, since it exports nothing before its first child."""
    for instrument in vars(metrics).values():
        if isinstance(instrument, MetricWrapperBase) and instrument._labelnames:
            instrument.labels(*instrument._labelnames)


def main() -> None:
    """Print the metrics of an application without models."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app = build(Settings(models_dir=Path(folder), metrics_vllm_names=False))
        show(app.service.metrics)
        sys.stdout.write(falcon.testing.TestClient(app).simulate_get("/metrics", headers={"Host": "localhost"}).text)
        app.stop()


if __name__ == "__main__":
    main()
