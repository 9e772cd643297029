"""What a dialect is to the application: its paths, and how it spells errors and keys."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from services.api.http.endpoint import Endpoint
from services.api.http.errors import ErrorBody


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API that clients know, spoken by this server."""

    endpoints: tuple[Endpoint, ...]
    prefixes: tuple[str, ...]
    """How the paths begin whose errors have its shape, the unknown ones below them included."""
    error_body: ErrorBody
    error: type[msgspec.Struct]
    """What `error_body` returns."""
    key_header: str | None = None
    """A header in which its clients send keys, besides ``Authorization``."""
