"""Build the application: the only place that wires the packages together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import falcon

from services.answering.catalog import model_catalog
from services.answering.service import Service
from services.api.dialects.table import DIALECTS, KEY_HEADERS, dialect_of
from services.api.http.auth import Auth
from services.api.http.errors import ErrorHandlers
from services.api.http.middleware import AccessLog, RequestId
from services.api.http.notices import HEADERS
from services.api.openapi.resource import Description
from services.api.operator.endpoints import ENDPOINTS as OPERATOR
from services.core import keys, logs
from services.core.keys import Keys
from services.core.metrics import Metrics
from services.core.settings import Settings, from_environment
from services.engines.base import EngineSpec
from services.engines.registry import SPECS, maker
from services.scheduler.scheduler import Monitor, Scheduler

ENDPOINTS = (*(endpoint for dialect in DIALECTS for endpoint in dialect.endpoints), *OPERATOR)
"""Every path but those of the description."""

EXPOSED = ["X-Request-Id", *HEADERS.values()]
"""Headers that scripts of other origins may read."""


class App(falcon.App[Any, Any]):
    """The WSGI application, with what must end when it ends."""

    service: Service
    monitor: Monitor

    def close(self) -> None:
        """Refuse new work; running answers go on. Returns at once."""
        self.service.scheduler.close()

    def stop(self) -> None:
        """End everything now, child processes included."""
        self.monitor.stop()
        self.service.scheduler.stop()


def build(settings: Settings, specs: Sequence[EngineSpec] = SPECS) -> App:
    """Return the application for `settings`; starts the monitor thread and nothing else. Never blocks.

    Raises `SettingsError` for keys that cannot be used.
    """
    metrics = measured(settings, specs)
    scheduler = Scheduler(settings, maker(settings, specs), metrics=metrics)
    app = App(middleware=middleware(settings, metrics))
    app.service = Service(settings, model_catalog(settings), scheduler, metrics)
    app.req_options.strip_url_path_trailing_slash = True
    ErrorHandlers(lambda path: dialect_of(path).error_body).install(app)
    route(app)
    app.monitor = Monitor(scheduler.tidy, settings.monitor_interval)
    app.monitor.start()
    return app


def measured(settings: Settings, specs: Sequence[EngineSpec]) -> Metrics:
    """Return the metrics, with what is known of each engine before a model is loaded."""
    metrics = Metrics(settings.metrics_vllm_names)
    for spec in specs:
        if spec.collector:
            metrics.registry.register(spec.collector(settings))
        if release := spec.release():
            metrics.runtime.labels(spec.name, release).set(1)
    return metrics


def middleware(settings: Settings, metrics: Metrics) -> list[Any]:
    """Return what every request passes through, in this order."""
    always: list[Any] = [RequestId(), AccessLog(metrics), Auth(settings, Keys(settings), KEY_HEADERS)]
    if not settings.cors_origins:
        return always
    origins = "*" if "*" in settings.cors_origins else settings.cors_origins
    return [*always, falcon.CORSMiddleware(origins, expose_headers=EXPOSED)]


def route(app: App) -> None:
    """Add every path: those of each dialect, the operator's, and their description."""
    for endpoint in (*ENDPOINTS, *description().endpoints):
        endpoint.route(app, app.service)


@cache
def description() -> Description:
    """Return the description of `ENDPOINTS`. It is made once per process: making it takes longer than all the rest."""
    return Description(ENDPOINTS)


def create() -> App:
    """Return the application of this process; gunicorn calls it in its worker. Raises `SettingsError`."""
    settings = from_environment(os.environ)
    keys.check(settings)
    logs.configure(settings)
    return build(settings)
