"""An application that does nothing, for gunicorn: what a worker process weighs before it holds ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def empty(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("204 No Content", [])
    return []


def create() -> Callable[..., Iterable[bytes]]:
    print("Ready", flush=True)
    return empty
