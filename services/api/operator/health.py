"""Serve ``/health`` and ``/ready`` from snapshots, whatever runs."""

from __future__ import annotations

from typing import Literal

import falcon

from services import __version__
from services.answering.service import ANSWERS
from services.api.dialects.common.schema import AnswerStruct, Count
from services.api.http.resource import Resource
from services.api.http.stream import write_json


class HealthReport(AnswerStruct):
    """Liveness, and what runs."""

    status: Literal["ok"]
    version: str
    current_model: str | None
    models_loaded: list[str]
    process_healthy: bool
    engine_pid: int | None
    active_request: str | None
    waiting_requests: Count
    models_available: Count
    problems: list[str]


class ReadyReport(AnswerStruct):
    """Readiness: whether a model can answer a chat."""

    ready: bool
    models_available: Count
    problems: list[str]


class Health(Resource):
    """Liveness and readiness. Never blocks, not even during a model load."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with what runs."""
        status, catalog = self._service.scheduler.status(), self._service.catalog
        report = HealthReport(
            status="ok",
            version=__version__,
            current_model=status.model,
            models_loaded=list(status.models),
            process_healthy=status.process_healthy,
            engine_pid=status.engine_pid,
            active_request=status.active_request,
            waiting_requests=status.waiting,
            models_available=len(catalog.models()),
            problems=list(catalog.problems()),
        )
        write_json(resp, report)

    on_head = on_get  # Ollama's clients check the root with HEAD

    def on_get_ready(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 200 if a model can answer a chat, 503 if there is none."""
        catalog = self._service.catalog
        count = sum(not model.capabilities.isdisjoint(ANSWERS) for model in catalog.models())
        resp.status = 200 if count else 503
        write_json(resp, ReadyReport(ready=bool(count), models_available=count, problems=list(catalog.problems())))
