"""The composition root: the only place that wires the rooms together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import falcon

from services.answering.service import STATE_HEADER, WARNING_HEADER, Service
from services.answering.sources import CACHE_HEADER, RAG_HEADER
from services.api.dialects.anthropic.resources import CountTokens, Messages
from services.api.dialects.ollama import routes as ollama_routes
from services.api.dialects.openai.resources import ChatCompletions, Health, Models, TextCompletions
from services.api.dialects.openai.vectors import Embeddings, Rerank
from services.api.dialects.responses.resources import InputTokens, Responses
from services.api.http import errors
from services.api.http.auth import Auth
from services.api.http.middleware import AccessLog, RequestId
from services.api.openapi.resource import Description
from services.api.operator.metrics import MetricsPage
from services.api.operator.preview import RagPreview
from services.api.operator.tokens import Detokenize, Tokenize
from services.core import keys, logs
from services.core.keys import Keys
from services.core.metrics import Metrics
from services.core.settings import Settings, from_environment
from services.engines.registry import ENGINES, Maker, maker
from services.engines.rkllm.sensors import BoardCollector
from services.models.catalog import Catalog
from services.scheduler.scheduler import Monitor, Scheduler

EXPOSED = ["X-Request-Id", WARNING_HEADER, STATE_HEADER, RAG_HEADER, CACHE_HEADER]

PREFIXES = ("/v1", "")
"""Every OpenAI path also exists without its version, for clients that are given the bare address."""


class App(falcon.App[Any, Any]):
    """The WSGI application, with what must end when it ends."""

    service: Service
    monitor: Monitor

    def close(self) -> None:
        """Refuse new work; running answers go on. Returns at once."""
        self.service.scheduler.close()

    def stop(self) -> None:
        """End everything now, children included."""
        self.monitor.stop()
        self.service.scheduler.stop()


def build(settings: Settings, engines: Mapping[str, Maker] = ENGINES) -> App:
    """The application for `settings`; starts the monitor thread and nothing else. Never blocks.

    Raises `SettingsError` for keys that cannot be used.
    """
    metrics = measured(settings)
    scheduler = Scheduler(settings, maker(settings, engines), metrics=metrics)
    app = App(middleware=middleware(settings, metrics))
    app.service = Service(settings, Catalog(settings), scheduler, metrics)
    app.req_options.strip_url_path_trailing_slash = True
    errors.install(app)
    route(app, app.service)
    app.monitor = Monitor(scheduler.tidy, settings.monitor_interval)
    app.monitor.start()
    return app


def measured(settings: Settings) -> Metrics:
    metrics = Metrics(settings.metrics_vllm_names)
    metrics.registry.register(BoardCollector(settings))
    metrics.runtime.labels("llama", version("xllamacpp")).set(1)
    return metrics


def middleware(settings: Settings, metrics: Metrics) -> list[Any]:
    always: list[Any] = [RequestId(), AccessLog(metrics), Auth(settings, Keys(settings))]
    if not settings.cors_origins:
        return always
    origins = "*" if "*" in settings.cors_origins else settings.cors_origins
    return [*always, falcon.CORSMiddleware(origins, expose_headers=EXPOSED)]


def route(app: App, service: Service) -> None:
    chat, text, models, health = ChatCompletions(service), TextCompletions(service), Models(service), Health(service)
    app.add_route("/", health)
    description = Description()
    app.add_route("/openapi.json", description)
    app.add_route("/docs", description, suffix="page")
    app.add_route("/metrics", MetricsPage(service.metrics, service.catalog))
    ollama_routes.route(app, service)
    for prefix in PREFIXES:
        app.add_route(f"{prefix}/chat/completions", chat)
        app.add_route(f"{prefix}/completions", text)
        app.add_route(f"{prefix}/embeddings", Embeddings(service))
        app.add_route(f"{prefix}/rerank", Rerank(service))
        app.add_route(f"{prefix}/rag/preview", RagPreview(service))
        app.add_route(f"{prefix}/responses", Responses(service))
        app.add_route(f"{prefix}/responses/input_tokens", InputTokens(service))
        app.add_route(f"{prefix}/messages", Messages(service))
        app.add_route(f"{prefix}/messages/count_tokens", CountTokens(service))
        app.add_route(f"{prefix}/tokenize", Tokenize(service))
        app.add_route(f"{prefix}/detokenize", Detokenize(service))
        app.add_route(f"{prefix}/models", models)
        app.add_route(f"{prefix}/models/{{name}}", models, suffix="one")
        app.add_route(f"{prefix}/models/select", models, suffix="select")
        app.add_route(f"{prefix}/models/unload", models, suffix="unload")
        app.add_route(f"{prefix}/health", health)
        app.add_route(f"{prefix}/ready", health, suffix="ready")


def create() -> App:
    """What gunicorn calls, in its worker process."""
    settings = from_environment(os.environ)
    keys.check(settings)
    logs.configure(settings)
    return build(settings)
