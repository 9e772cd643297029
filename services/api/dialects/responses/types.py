"""Define what clients of the Responses API may send. Unknown fields are tolerated; known ones must have their type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.api.dialects.common.bounds import (
    AnyCallId,
    AnyInteger,
    Description,
    Effort,
    Label,
    MaxItems,
    Name,
    Names,
    Object,
    Positive,
    Text,
    TopLogprobs,
    Word,
)
from services.api.dialects.common.content import Content, Result
from services.api.dialects.common.foreign import ForeignParameters
from services.api.dialects.common.tools import FunctionName, MaxTools, ToolChoiceWord


class ResponseInputItem(Struct):
    """One item of the input; which fields count depends on `type`. One without a type is a message."""

    type: Word | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: Content = None
    call_id: AnyCallId | None = None
    name: Name | None = None
    arguments: Any = None
    """Those of a call; `common.tools.earlier_call` leaves out what is no object."""
    input: Text | None = None
    output: Result = None


class ResponseTool(Struct, omit_defaults=True):
    """A function, without an object around it; tools of all other types are left out."""

    type: Word
    name: FunctionName | None = None
    description: Description | None = None
    parameters: Object | None = None
    strict: bool | None = None


class ResponseToolChoice(Struct, omit_defaults=True):
    """``tool_choice`` as an object: one tool, with the type ``allowed_tools`` a part of the tools, or a mode."""

    type: Word
    name: Name | None = None
    mode: Literal["auto", "required"] | None = None
    tools: Annotated[list[ResponseToolChoice], MaxTools] | None = None


class TextFormat(Struct, omit_defaults=True):
    """Free text, any JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    name: Name | None = None
    schema: Object | None = None
    description: Description | None = None
    strict: bool | None = None


class TextConfig(Struct, omit_defaults=True):
    """What the text of the answer must be like."""

    format: TextFormat | None = None
    verbosity: Word | None = None


class ReasoningConfig(Struct, omit_defaults=True):
    """How much the model reasons."""

    effort: Effort | None = None
    summary: Word | None = None
    generate_summary: Word | None = None


class ResponsesRequest(ForeignParameters, frozen=True, kw_only=True):
    """``POST /v1/responses``, and ``POST /v1/responses/input_tokens``."""

    input: Text | Annotated[list[ResponseInputItem], Meta(min_length=1), MaxItems]
    model: Name | None = None
    instructions: Text | None = None
    stream: bool | None = None
    max_output_tokens: Positive | None = None
    top_logprobs: TopLogprobs | None = None
    text: TextConfig | None = None
    reasoning: ReasoningConfig | None = None
    tools: Annotated[list[ResponseTool], MaxTools] | None = None
    tool_choice: ToolChoiceWord | ResponseToolChoice | None = None
    parallel_tool_calls: bool | None = None
    include: Names | None = None
    metadata: Annotated[dict[Word, Label], Meta(max_length=16)] | None = None
    user: Label | None = None
    safety_identifier: Label | None = None
    prompt_cache_key: Label | None = None
    max_tool_calls: AnyInteger | None = None
    stream_options: Object | None = None

    store: bool | None = None
    truncation: Word | None = None
    service_tier: Word | None = None
    context_management: Annotated[list[Any], MaxItems] | None = None
    prompt_cache_retention: Word | None = None

    previous_response_id: Name | None = None
    conversation: Any = None
    background: bool | None = None
    prompt: Any = None
