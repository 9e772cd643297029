"""OpenAI's Responses API as the application knows it."""

from __future__ import annotations

from services.api.dialects.common.errors import Error, error_body
from services.api.dialects.dialect import Dialect
from services.api.dialects.responses.events import ResponseEvent
from services.api.dialects.responses.resources import InputTokens, Responses
from services.api.dialects.responses.schemas import InputTokenCount, ResponseAnswer
from services.api.dialects.responses.types import ResponsesRequest
from services.api.http.endpoint import Endpoint, Operation

TAG = "Answers"

RESPONSES = Dialect(
    endpoints=(
        Endpoint(
            "/v1/responses",
            Responses,
            TAG,
            (
                Operation(
                    summary="OpenAI's newer API for the same, without state on the server.",
                    request=ResponsesRequest,
                    response=ResponseAnswer,
                    stream=ResponseEvent,
                    names_model=True,
                    takes_slot=True,
                ),
            ),
        ),
        Endpoint(
            "/v1/responses/input_tokens",
            InputTokens,
            TAG,
            (
                Operation(
                    summary="How long the prompt of the same request would be.",
                    request=ResponsesRequest,
                    response=InputTokenCount,
                    names_model=True,
                    takes_slot=True,
                ),
            ),
        ),
    ),
    prefixes=("/v1/responses", "/responses"),
    error_body=error_body,
    error=Error,
)
