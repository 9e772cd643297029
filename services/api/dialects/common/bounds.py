"""Define types of request fields that several dialects have, with the bounds of their values.

A bound is checked before any work on the value, and stands in ``/openapi.json``. Those of sampling parameters are in
`services.core.sampling`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from services.core.sampling import Natural

Positive = Annotated[int, Meta(ge=1, le=2**31 - 1)]
AnyInteger = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""A number that JSON has without a loss."""
TokenLimit = Annotated[int, Meta(ge=-1, le=2**31 - 1)]
"""The most tokens of an answer; 0 for none at all, -1 for no limit."""
TopK = Annotated[int, Meta(ge=-1, le=2**31 - 1)]
"""0 and -1 set no limit."""

Text = Annotated[str, Meta(max_length=2**24)]
"""A text of a conversation. What is larger is no body that the server accepts."""
Object = Annotated[dict[str, Any], Meta(max_length=10_000)]
"""JSON of the client; `services.chat.schemas.checks.bounded_json` bounds what is in it where that matters."""
Word = Annotated[str, Meta(max_length=64)]
"""One of a few words, or the name of a type."""
Name = Annotated[str, Meta(max_length=256)]
"""The name of a model or a tool."""
CallId = Annotated[str, Meta(max_length=8192)]
"""The id of a call. Some servers put kilobytes of signed state into it."""
AnyCallId = CallId | AnyInteger
"""The id of a call in a history. It is a text, but some clients number their calls."""
Label = Annotated[str, Meta(max_length=512)]
Metadata = Annotated[dict[Word, Any], Meta(max_length=16)]
Description = Annotated[str, Meta(max_length=65_536)]
Names = Annotated[list[Name], Meta(max_length=256)]
TemplateVariables = Annotated[dict[Name, Any], Meta(max_length=64)]
"""`services.api.dialects.common.parameters.template_variables` bounds the values."""
Passage = Annotated[str, Meta(max_length=2**20)]
"""A text to embed or to rank. What a model can read of it is far less."""
Question = Annotated[str, Meta(max_length=65_536)]
TokenIds = Annotated[list[Natural], Meta(max_length=2**20)]

StopString = Annotated[str, Meta(max_length=1000)]
StopList = Annotated[list[StopString], Meta(max_length=16)]
TopLogprobs = Annotated[int, Meta(ge=0, le=20)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

MaxItems = Meta(max_length=4096)
"""The most messages of a conversation and parts of a message: more than fit a context, few enough to decode fast."""
