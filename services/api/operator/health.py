"""Serve ``/health`` and ``/ready`` from snapshots, whatever runs."""

from __future__ import annotations

from typing import Literal

import falcon

from services import __version__
from services.answering.service import ANSWERS
from services.api.dialects.common.schema import AnswerStruct, Count
from services.api.http.resource import Resource
from services.api.http.stream import write_json
from services.core.caller import Caller
from services.core.keys import exposed_files


class HealthReport(AnswerStruct):
    """Liveness, and what runs. `engine_pid` and `active_request` are for administrators, and null for others."""

    status: Literal["ok"]
    version: str
    current_model: str | None
    models_loaded: list[str]
    process_healthy: bool
    engine_pid: int | None
    active_request: str | None
    busy: bool
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
        status, admin = self._service.scheduler.status(), self._is_admin(req)
        report = HealthReport(
            status="ok",
            version=__version__,
            current_model=status.model,
            models_loaded=list(status.models),
            process_healthy=status.process_healthy,
            engine_pid=status.engine_pid if admin else None,
            active_request=status.active_request if admin else None,
            busy=status.active_request is not None,
            waiting_requests=status.waiting,
            models_available=len(self._service.catalog.models()),
            problems=self._problems(admin),
        )
        write_json(resp, report)

    def on_get_ready(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 200 if a model can answer a chat, 503 if there is none."""
        catalog = self._service.catalog
        count = sum(not model.capabilities.isdisjoint(ANSWERS) for model in catalog.models())
        resp.status = 200 if count else 503
        problems = self._problems(self._is_admin(req))
        write_json(resp, ReadyReport(ready=bool(count), models_available=count, problems=problems))

    @staticmethod
    def _is_admin(req: falcon.Request) -> bool:
        caller: Caller = req.context.caller
        return caller.admin

    def _problems(self, admin: bool) -> list[str]:
        """Return the problems; for everybody but an administrator only their number, since they name files."""
        found = [*self._service.catalog.problems(), *exposed_files(self._service.settings)]
        if admin or not found:
            return found
        return [f"{len(found)} problem(s). An administrator's key shows them here, and the log has them."]
