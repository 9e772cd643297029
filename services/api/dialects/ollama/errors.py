"""Errors as Ollama's clients read them."""

from __future__ import annotations

from services.api.dialects.ollama.schemas import Error
from services.core.errors import ServiceError


def error_body(error: ServiceError) -> Error:
    """Return the body of an error."""
    return Error(error=error.message)
