"""An application that does nothing, to measure the memory of a gunicorn worker without our code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def empty(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer 204 to every request, as a WSGI application."""
    start_response("204 No Content", [])
    return []


def create() -> Callable[..., Iterable[bytes]]:
    """Print the line that `serving` waits for, and return the application."""
    print("Ready", flush=True)
    return empty
