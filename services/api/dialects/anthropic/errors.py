"""Write errors in Anthropic's shape."""

from __future__ import annotations

from collections.abc import Mapping

from services.api.dialects.anthropic.schemas import MessageError, MessageErrorDetail
from services.core.errors import ServiceError

TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
"""Anthropic's types by status; other 4xx are ``invalid_request_error``, other 5xx ``api_error``."""


def error_body(error: ServiceError) -> MessageError:
    """Return the body of an error."""
    kind = TYPES.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")
    return MessageError(error=MessageErrorDetail(type=kind, message=error.message))
