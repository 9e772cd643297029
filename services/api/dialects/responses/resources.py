"""Serve ``/v1/responses`` and ``/v1/responses/input_tokens``, with no state on the server."""

from __future__ import annotations

import time
from functools import partial

import falcon

from services.api.dialects.common.answer import collected
from services.api.dialects.common.errors import renamed
from services.api.dialects.responses import requests
from services.api.dialects.responses.answers import ResponseHead, whole
from services.api.dialects.responses.schemas import InputTokenCount
from services.api.dialects.responses.stream import ResponseWriter
from services.api.dialects.responses.types import ResponsesRequest
from services.api.http.context import client
from services.api.http.notices import run_to_end, show_notice
from services.api.http.resource import Resource
from services.api.http.stream import EVENT_STREAM, write_json, write_stream

FIELDS = {"messages": "input", "response_format": "text.format"}
"""What this API calls the fields of chats."""


class Responses(Resource):
    """``POST /v1/responses``."""

    @renamed(FIELDS)
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a chat. Blocks; raises `ServiceError`."""
        request = self.parse(req, ResponsesRequest)
        model = self._service.model(request.model)
        generation = requests.chat(request)
        events = self._service.answer(generation, model, client(req), requests.ignored(request))
        head = ResponseHead(req.context.id, int(time.time()), model.id, request)
        if request.stream:
            writer = ResponseWriter(head)
            write_stream(resp, EVENT_STREAM, writer.frames(events), writer.error_frame)
        else:
            write_json(resp, whole(head, collected(events, partial(show_notice, resp))))


class InputTokens(Resource):
    """``POST /v1/responses/input_tokens``."""

    @renamed(FIELDS)
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Count the tokens of the prompt of the same request. Blocks; raises `ServiceError`."""
        request = self.parse(req, ResponsesRequest)
        model = self._service.model(request.model)
        for notice in self._service.warnings(requests.ignored(request)):
            show_notice(resp, notice)
        count = run_to_end(resp, self._service.count_tokens(requests.chat(request), model, client(req)))
        write_json(resp, InputTokenCount(input_tokens=count))
