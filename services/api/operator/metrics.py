"""What the operator asks: the figures for Prometheus."""

from __future__ import annotations

import falcon
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from services.core.metrics import Metrics
from services.models.catalog import Catalog


class MetricsPage:
    """``GET /metrics``: snapshots and counters; it takes no turn and waits for nobody who has it."""

    def __init__(self, metrics: Metrics, catalog: Catalog) -> None:
        self._metrics, self._catalog = metrics, catalog

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._metrics.start_at_zero(model.id for model in self._catalog.models())
        resp.data, resp.content_type = self._metrics.page(), CONTENT_TYPE_PLAIN_0_0_4
