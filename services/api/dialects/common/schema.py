"""Define the base of the types that answers are made of.

The encoders return these structs, and ``/openapi.json`` is made from them, so the two cannot differ.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0)]


class AnswerStruct(Struct, forbid_unknown_fields=True, kw_only=True):
    """Part of an answer. A field that is `UNSET` is left out of the JSON."""
