"""Anthropic's API as the application knows it."""

from __future__ import annotations

from services.api.dialects.anthropic.errors import error_body
from services.api.dialects.anthropic.resources import CountTokens, Messages
from services.api.dialects.anthropic.schemas import MessageAnswer, MessageError, MessageEvent, MessageTokenCount
from services.api.dialects.anthropic.types import CountRequest, MessagesRequest
from services.api.dialects.dialect import Dialect
from services.api.http.endpoint import Endpoint, Operation

TAG = "Anthropic's API"

ANTHROPIC = Dialect(
    endpoints=(
        Endpoint(
            "/v1/messages",
            Messages,
            TAG,
            (
                Operation(
                    summary="A chat answer, whole or streamed.",
                    request=MessagesRequest,
                    response=MessageAnswer,
                    stream=MessageEvent,
                    names_model=True,
                    takes_slot=True,
                ),
            ),
        ),
        Endpoint(
            "/v1/messages/count_tokens",
            CountTokens,
            TAG,
            (
                Operation(
                    summary="How long the prompt of the same message would be.",
                    request=CountRequest,
                    response=MessageTokenCount,
                    names_model=True,
                    takes_slot=True,
                ),
            ),
        ),
    ),
    prefixes=("/v1/messages", "/messages"),
    error_body=error_body,
    error=MessageError,
    key_header="x-api-key",
)
