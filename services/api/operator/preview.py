"""Serve ``/v1/rag/preview``: what would become of the sources in a chat request. The model is not run."""

from __future__ import annotations

import falcon
from msgspec import UNSET, UnsetType

from services.api.dialects.common.schema import AnswerStruct, Count
from services.api.dialects.openai import requests
from services.api.dialects.openai.answers import function_of
from services.api.dialects.openai.schemas import ChatToolCall
from services.api.dialects.openai.types import ChatRequest
from services.api.http.auth import require_admin
from services.api.http.resource import Resource
from services.api.http.stream import write_json
from services.chat.rag.decision import Decision, remark
from services.core.message import Message, Role


class PreviewMessage(AnswerStruct):
    """A message that would be sent."""

    role: Role
    content: str
    tool_calls: list[ChatToolCall] | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


class PreviewDecision(AnswerStruct):
    """The decision about the sources; the fields are those of `Decision`, and a note for people."""

    used: bool
    reason: str
    sources: Count
    kept: Count
    dropped: Count
    tokens: Count
    unread: Count
    coverage: float
    ms: float
    note: str


class RagPreviewAnswer(AnswerStruct):
    """The messages that would be sent, and the decision about the sources."""

    messages: list[PreviewMessage]
    thinking: bool | None
    decision: PreviewDecision


NO_CHAT = Decision(False, "no chat")


class RagPreview(Resource):
    """``POST /v1/rag/preview``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with what would be sent. Does not block; raises `ServiceError`."""
        require_admin(req)
        request = self.parse(req, ChatRequest)
        model = self._service.model(request.model)
        prepared = self._service.prepare(requests.chat(request), model)
        messages = [preview_message(each) for each in prepared.messages]
        made = prepared.outcome.decision if prepared.outcome else NO_CHAT
        decision = PreviewDecision(
            used=made.used,
            reason=made.reason,
            sources=made.sources,
            kept=made.kept,
            dropped=made.dropped,
            tokens=made.tokens,
            unread=made.unread,
            coverage=made.coverage,
            ms=made.ms,
            note=remark(made),
        )
        write_json(resp, RagPreviewAnswer(messages=messages, thinking=prepared.thinking, decision=decision))


def preview_message(message: Message) -> PreviewMessage:
    """Return a message as it would be sent."""
    calls = [ChatToolCall(id=call.id, function=function_of(call)) for call in message.calls]
    return PreviewMessage(
        role=message.role,
        content=message.text,
        tool_calls=calls or UNSET,
        tool_call_id=message.call_id or UNSET,
        name=message.name or UNSET,
    )
