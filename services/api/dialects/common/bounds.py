"""Define types of request fields that several dialects have, with the bounds of their values.

A bound is checked before any work on the value, and stands in ``/openapi.json``. Those of sampling parameters are in
`services.core.sampling`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

Positive = Annotated[int, Meta(ge=1, le=2**31 - 1)]
StopList = Annotated[list[Annotated[str, Meta(max_length=1000)]], Meta(max_length=16)]
TopLogprobs = Annotated[int, Meta(ge=0, le=20)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

MaxItems = Meta(max_length=4096)
"""The most messages of a conversation and parts of a message: more than fit a context, few enough to decode fast."""
