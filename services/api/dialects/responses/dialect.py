"""Declare the dialect of OpenAI's Responses API: its paths, what each of them takes and answers, and its errors."""

from __future__ import annotations

from services.api.dialects.common.errors import Error, error_body
from services.api.dialects.dialect import Dialect
from services.api.dialects.responses.events import ResponseEvent
from services.api.dialects.responses.resources import InputTokens, Responses
from services.api.dialects.responses.schemas import InputTokenCount, ResponseAnswer
from services.api.dialects.responses.types import ResponsesRequest
from services.api.http.endpoint import Endpoint, model_run

TAG = "Answers"

RESPONSES = Dialect(
    endpoints=(
        Endpoint(
            "/v1/responses",
            Responses,
            TAG,
            (
                model_run(
                    summary="A chat answer, whole or streamed, in OpenAI's newer API; the server keeps no state.",
                    request=ResponsesRequest,
                    response=ResponseAnswer,
                    stream=ResponseEvent,
                ),
            ),
        ),
        Endpoint(
            "/v1/responses/input_tokens",
            InputTokens,
            TAG,
            (
                model_run(
                    summary="How many tokens the prompt of the same request has.",
                    request=ResponsesRequest,
                    response=InputTokenCount,
                ),
            ),
        ),
    ),
    prefixes=("/v1/responses", "/responses"),
    error_body=error_body,
    error=Error,
)
