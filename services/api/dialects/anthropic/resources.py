"""Serve ``/v1/messages`` and ``/v1/messages/count_tokens``."""

from __future__ import annotations

from functools import partial

import falcon

from services.api.dialects.anthropic import requests
from services.api.dialects.anthropic.answers import MessageHead, whole
from services.api.dialects.anthropic.schemas import MessageTokenCount
from services.api.dialects.anthropic.stream import error_frame, frames
from services.api.dialects.anthropic.types import CountTokensRequest, MessagesRequest
from services.api.dialects.common.answer import collected
from services.api.http.context import client
from services.api.http.notices import run_to_end, show_notice
from services.api.http.resource import Resource
from services.api.http.stream import EVENT_STREAM, write_json, write_stream


class Messages(Resource):
    """``POST /v1/messages``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a chat. Blocks; raises `ServiceError`."""
        request = self.parse(req, MessagesRequest)
        model = self._service.model(request.model)
        generation = requests.chat(request)
        events = self._service.answer(generation, model, client(req), requests.ignored(request))
        head = MessageHead(f"msg_{req.context.id}", model.id, request.max_tokens)
        if request.stream:
            write_stream(resp, EVENT_STREAM, frames(head, events), error_frame)
        else:
            write_json(resp, whole(head, collected(events, partial(show_notice, resp))))


class CountTokens(Resource):
    """``POST /v1/messages/count_tokens``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Count the tokens of the prompt of the same message. Blocks; raises `ServiceError`."""
        request = self.parse(req, CountTokensRequest)
        model = self._service.model(request.model)
        for notice in self._service.warnings(requests.ignored(request)):
            show_notice(resp, notice)
        count = run_to_end(resp, self._service.count_tokens(requests.chat(request), model, client(req)))
        write_json(resp, MessageTokenCount(input_tokens=count))
