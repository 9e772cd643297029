"""What a request becomes, without asking the model."""

from __future__ import annotations

from dataclasses import asdict

import falcon

from services.answering.service import Service
from services.api.dialects.openai import requests as asks
from services.api.dialects.openai.types import ChatRequest
from services.api.http.auth import require_admin
from services.api.http.stream import write_json


class RagPreview:
    """``/v1/rag/preview``: what a chat request's sources become, without asking the model."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        require_admin(req)
        request = self._service.parse(req, ChatRequest)
        model = self._service.model(request.model)
        ask, outcome = self._service.sources.prepared(asks.chat(request, model.id), model)
        decision = {**asdict(outcome.decision), "dropped": outcome.decision.dropped}
        write_json(resp, {"messages": ask.messages, "thinking": ask.thinking, "decision": decision})
