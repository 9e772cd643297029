"""Serve ``/metrics`` for Prometheus."""

from __future__ import annotations

import falcon
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from services.api.http.resource import Resource


class MetricsPage(Resource):
    """Counters and snapshots. Never waits for a slot."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the metrics as text."""
        metrics = self._service.metrics
        metrics.start_at_zero(model.id for model in self._service.catalog.models())
        resp.data, resp.content_type = metrics.page(), CONTENT_TYPE_PLAIN_0_0_4
