"""Define what clients of the Responses API may send. Unknown fields are tolerated; known ones must have their type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.api.dialects.common.bounds import Effort, MaxItems, Positive, TopLogprobs
from services.api.dialects.common.content import ContentPart
from services.api.dialects.common.tools import FunctionName, ToolChoiceMode
from services.core.sampling import Probability, Temperature


class ResponseInputItem(Struct):
    """One item of the input; which fields count depends on `type`. One without a type is a message."""

    type: str | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | Annotated[list[ContentPart], MaxItems] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | Annotated[list[ContentPart], MaxItems] | None = None


class ResponseTool(Struct, omit_defaults=True):
    """A function, without an object around it; tools of all other types run on OpenAI's servers."""

    type: str
    name: FunctionName | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ResponseToolChoice(Struct, omit_defaults=True):
    """``tool_choice`` as an object: one tool, or with the type ``allowed_tools`` a part of the tools."""

    type: str
    name: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[ResponseToolChoice] | None = None


class TextFormat(Struct, omit_defaults=True):
    """Free text, any JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class TextConfig(Struct, omit_defaults=True):
    """What the text of the answer must be like."""

    format: TextFormat | None = None
    verbosity: str | None = None


class ReasoningConfig(Struct, omit_defaults=True):
    """How much the model reasons."""

    effort: Effort | None = None
    summary: str | None = None
    generate_summary: str | None = None


class ResponsesRequest(Struct, kw_only=True):
    """``POST /v1/responses``, and ``POST /v1/responses/input_tokens``."""

    input: str | Annotated[list[ResponseInputItem], Meta(min_length=1), MaxItems]
    model: str | None = None
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: Positive | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    top_logprobs: TopLogprobs | None = None
    text: TextConfig | None = None
    reasoning: ReasoningConfig | None = None
    tools: list[ResponseTool] | None = None
    tool_choice: ToolChoiceMode | ResponseToolChoice | None = None
    parallel_tool_calls: bool | None = None
    include: list[str] | None = None
    metadata: dict[str, Any] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    max_tool_calls: int | None = None
    stream_options: dict[str, Any] | None = None

    store: bool | None = None
    truncation: str | None = None
    service_tier: str | None = None
    context_management: list[Any] | None = None
    prompt_cache_retention: str | None = None

    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None
    prompt: Any = None
