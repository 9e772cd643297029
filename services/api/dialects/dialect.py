"""Define what a dialect is to the application: its paths, its errors, and where its clients send keys.

A dialect is a folder beside this file. Each of its files has the same task in all of them:

- ``types``: what clients send
- ``requests``: from those types to a `GenerationRequest`, and the parameters that are ignored
- ``schemas``: what answers are made of, errors and events of a stream included
- ``answers``: from a `CollectedAnswer` to those schemas; the head that every object of one response repeats
- ``stream``: from events to `Frames`, and the frame of an error
- ``resources``: the responders
- ``dialect``: the declaration that ``table`` lists

The class name of a struct is its name in ``/openapi.json``, so it is unique in the whole API.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from services.api.http.endpoint import Endpoint
from services.api.http.errors import ErrorBody


@dataclass(frozen=True, slots=True)
class Dialect:
    """An API that clients know and this server has."""

    endpoints: tuple[Endpoint, ...]
    prefixes: tuple[str, ...]
    """How the paths begin whose errors have its shape; unknown paths below them are included."""
    error_body: ErrorBody
    error: type[msgspec.Struct]
    """The type that `error_body` returns."""
    key_header: str | None = None
    """A header in which its clients send keys, besides ``Authorization``."""
