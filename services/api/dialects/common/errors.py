"""Write errors in OpenAI's shape, which several dialects share."""

from __future__ import annotations

from services.api.dialects.common.schema import AnswerStruct
from services.core.errors import ServiceError


class ErrorDetail(AnswerStruct):
    """What is wrong, and with which field of the request."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(AnswerStruct):
    """An error as OpenAI's clients read it."""

    error: ErrorDetail


def error_body(error: ServiceError) -> Error:
    """Return the body of an error."""
    return Error(error=ErrorDetail(message=error.message, type=error.type, param=error.param, code=error.code))
