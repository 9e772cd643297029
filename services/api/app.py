"""Build the application: the only place that wires the packages together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import falcon

from services.answering.catalog import model_catalog
from services.answering.service import Service
from services.api.dialects.table import DIALECTS, KEY_HEADERS, dialect_of
from services.api.http.auth import Auth
from services.api.http.body import Bodies
from services.api.http.errors import ErrorHandlers
from services.api.http.headers import CommonHeaders, usual_name
from services.api.http.middleware import AccessLog, RequestId
from services.api.http.notices import HEADERS
from services.api.http.origin import OriginGuard
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

EXPOSED_HEADERS = ["X-Request-Id", "Retry-After", *HEADERS.values()]
"""Headers that scripts of other origins may read; CORS hides all that are not named."""


class App(falcon.App[Any, Any]):
    """The WSGI application, and what stops with it."""

    service: Service
    monitor: Monitor

    def __call__(self, env: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request, as WSGI demands it, with the names of headers in their usual case."""

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [(usual_name(name), value) for name, value in headers], *more)

        return super().__call__(env, start)

    def close(self) -> None:
        """Refuse new requests; running answers go on. Does not block."""
        self.service.scheduler.close()

    def end_answers(self) -> None:
        """End the running answers with an error that says why. Does not block."""
        self.service.scheduler.end_answers()

    def stop(self) -> None:
        """Stop the monitor and the scheduler, and kill the engines."""
        self.monitor.stop()
        self.service.scheduler.stop()


def build(settings: Settings, specs: Sequence[EngineSpec] = SPECS) -> App:
    """Return the application for `settings`, with its monitor thread started. Never blocks.

    Raises `SettingsError` for keys that cannot be used.
    """
    metrics = build_metrics(settings, specs)
    scheduler = Scheduler(settings, maker(settings, specs), metrics=metrics)
    app = App(middleware=build_middleware(settings, metrics))
    app.service = Service(settings, model_catalog(settings), scheduler, metrics)
    app.req_options.strip_url_path_trailing_slash = True
    ErrorHandlers(lambda path: dialect_of(path).error_body).install(app)
    add_routes(app)
    app.monitor = Monitor(scheduler.tidy, settings.monitor_interval)
    app.monitor.start()
    return app


def build_metrics(settings: Settings, specs: Sequence[EngineSpec]) -> Metrics:
    """Return the metrics, with what is known of each engine before a model is loaded."""
    metrics = Metrics(settings.metrics_vllm_names)
    for spec in specs:
        if spec.collector:
            metrics.registry.register(spec.collector(settings))
        if release := spec.release():
            metrics.runtime.labels(spec.name, release).set(1)
    return metrics


def build_middleware(settings: Settings, metrics: Metrics) -> list[Any]:
    """Return the middleware, in the order in which requests pass through it."""
    keys = Keys(settings)
    always: list[Any] = [
        RequestId(),
        CommonHeaders(cors=bool(settings.cors_origins)),
        AccessLog(metrics),
        Auth(settings, keys, KEY_HEADERS),
        OriginGuard(settings, keyless=settings.allow_anonymous or not keys.configured),
        Bodies(ENDPOINTS, settings),
    ]
    if not settings.cors_origins:
        return always
    # Falcon takes the star alone and not in a list.
    origins = "*" if "*" in settings.cors_origins else settings.cors_origins
    return [*always, falcon.CORSMiddleware(origins, expose_headers=EXPOSED_HEADERS)]


def add_routes(app: App) -> None:
    """Add the paths of each dialect, those of the operator, and those of their description."""
    for endpoint in (*ENDPOINTS, *description().endpoints):
        endpoint.route(app, app.service)


@cache
def description() -> Description:
    """Return the description of `ENDPOINTS`. It is made once per process: making it takes longer than all the rest."""
    return Description(ENDPOINTS)


def create() -> App:
    """Return the application of this process; gunicorn calls it in its worker. Raises `SettingsError`."""
    settings = from_environment(os.environ)
    keys.check_keys_required(settings)
    logs.configure(settings)
    return build(settings)
