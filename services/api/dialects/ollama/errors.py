"""Write errors in Ollama's shape."""

from __future__ import annotations

from services.api.dialects.ollama.schemas import OllamaError
from services.core.errors import ServiceError


def error_body(error: ServiceError) -> OllamaError:
    """Return the body of an error."""
    return OllamaError(error=error.message)
