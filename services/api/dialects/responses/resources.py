"""``/v1/responses`` and ``/v1/responses/input_tokens``: OpenAI's Responses API, with no state on the server."""

from __future__ import annotations

import time

import falcon

from services.answering.service import Service
from services.api.dialects.common.answer import collected
from services.api.dialects.responses import requests as responses_asks
from services.api.dialects.responses.answers import Head, whole
from services.api.dialects.responses.stream import stream
from services.api.dialects.responses.types import ResponsesRequest
from services.api.http.stream import primed, write_json, write_stream


class Responses:
    """``POST /v1/responses``."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, ResponsesRequest)
        model = self._service.model(request.model)
        generation = self._service.sources.told(responses_asks.chat(request, model.id), model, resp)
        (events,) = self._service.answers(req, resp, model, [generation], responses_asks.ignored(request))
        head = Head(req.context.id, int(time.time()), model.id, request)
        if request.stream:
            write_stream(resp, "text/event-stream", primed(stream(head, events)))
        else:
            write_json(resp, whole(head, collected(events)))


class InputTokens:
    """``POST /v1/responses/input_tokens``: the length of the prompt that the same input would be answered from."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, ResponsesRequest)
        model = self._service.model(request.model)
        count = self._service.count(req, resp, responses_asks.chat(request, model.id), model)
        write_json(resp, {"object": "response.input_tokens", "input_tokens": count})
