"""Declare Anthropic's dialect: its paths, what each of them takes and answers, and its errors."""

from __future__ import annotations

from services.api.dialects.anthropic.errors import error_body
from services.api.dialects.anthropic.resources import CountTokens, Messages
from services.api.dialects.anthropic.schemas import MessageAnswer, MessageError, MessageEvent, MessageTokenCount
from services.api.dialects.anthropic.types import CountTokensRequest, MessagesRequest
from services.api.dialects.dialect import Dialect
from services.api.http.endpoint import Endpoint, model_run

TAG = "Anthropic's API"

ANTHROPIC = Dialect(
    endpoints=(
        Endpoint(
            "/v1/messages",
            Messages,
            TAG,
            (
                model_run(
                    summary="A chat answer, whole or streamed.",
                    request=MessagesRequest,
                    response=MessageAnswer,
                    stream=MessageEvent,
                ),
            ),
        ),
        Endpoint(
            "/v1/messages/count_tokens",
            CountTokens,
            TAG,
            (
                model_run(
                    summary="How many tokens the prompt of the same message has.",
                    request=CountTokensRequest,
                    response=MessageTokenCount,
                ),
            ),
        ),
    ),
    prefixes=("/v1/messages", "/messages"),
    error_body=error_body,
    error=MessageError,
    key_header="x-api-key",
)
