"""Convert requests of OpenAI's Responses API to `GenerationRequest`s. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.api.dialects.common import foreign
from services.api.dialects.common.parameters import (
    LOW_PRIORITY_TIER,
    NeutralValues,
    requested,
    sampling_of,
    thinks,
)
from services.api.dialects.common.tools import (
    FUNCTION_TYPES,
    MODES,
    ToolChoice,
    ToolChoiceMode,
    choose_tools,
    left_out,
    tool,
)
from services.api.dialects.responses import inputs
from services.api.dialects.responses.types import (
    ResponsesRequest,
    ResponseTool,
    ResponseToolChoice,
    TextConfig,
)
from services.core.errors import BadRequest
from services.core.request import GenerationRequest, Tool

IGNORED: NeutralValues = {
    "store": (None, False),
    "truncation": (None, "disabled"),
    "service_tier": (None, "auto", "default", LOW_PRIORITY_TIER),
    "context_management": (None, []),
    "prompt_cache_retention": (None, "in_memory"),
}
"""Parameters without effect; a value that asks for something is named in the warning."""

TEXT_IGNORED: NeutralValues = {"verbosity": (None, "medium")}
"""The same for the fields of ``text``."""

FREE_TEXT_IGNORED: NeutralValues = {"schema": (None,)}
"""The same for the fields of ``text.format`` of the type ``text``."""

SCHEMA_IGNORED: NeutralValues = {"description": (None, "")}
"""The same where it has a schema: models read no description beside a schema, only those in it."""

STATE: NeutralValues = {
    "previous_response_id": (None,),
    "conversation": (None,),
    "background": (None, False),
    "prompt": (None,),
}
"""Parameters that need a server that keeps its responses; a value that asks for something is refused."""

LOGPROBS = "message.output_text.logprobs"
"""The value of ``include`` that asks for logprobs."""


INCLUDABLE = frozenset(
    {
        LOGPROBS,
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
        "file_search_call.results",
        "message.input_image.image_url",
        "reasoning.encrypted_content",
        "web_search_call.action.sources",
        "web_search_call.results",
    }
)
"""The values of `include` that OpenAI documents."""


def ignored(request: ResponsesRequest) -> list[str]:
    """Return the names of the parameters with which `request` asks for what this server does not do."""
    names = foreign.ignored(request, IGNORED)
    # Only names that OpenAI documents: they become header text and metric labels, which a client must not choose.
    included = sorted({f"include {name}" if name in INCLUDABLE else "include" for name in request.include or ()})
    names += [name for name in included if name != f"include {LOGPROBS}"]
    names += requested(request.text, TEXT_IGNORED, "text.")
    if request.text and request.text.format:
        free = request.text.format.type == "text"
        names += requested(request.text.format, FREE_TEXT_IGNORED if free else SCHEMA_IGNORED, "text.format.")
    if request.reasoning and (request.reasoning.summary or request.reasoning.generate_summary):
        names.append("reasoning.summary")
    names += left_out(tool.type for tool in request.tools or ())
    return names + inputs.left_out(request)


def chat(request: ResponsesRequest) -> GenerationRequest:
    """Return what a request asks for. Raises `BadRequest`."""
    for name in requested(request, STATE):
        raise BadRequest(
            f"{name} needs stored responses, and this server keeps no responses. Send the whole conversation as input, "
            f"and leave {name} out.",
            param=name,
        )
    choice = tool_choice(request)
    wants_logprobs = request.top_logprobs is not None or LOGPROBS in (request.include or ())
    return GenerationRequest(
        messages=inputs.messages(request),
        max_tokens=request.max_output_tokens,
        sampling=sampling_of(request),
        logprobs=(request.top_logprobs or 0) if wants_logprobs else None,
        json_schema=foreign.schema_of(request, schemas(request.text)),
        schema_strict=strict(request.text),
        thinking=thinks(request.reasoning.effort if request.reasoning else None),
        tools=choice.tools,
        call_required=choice.required,
        parallel_calls=choice.parallel,
        rag=request.rag is not False,
        low_priority=request.service_tier == LOW_PRIORITY_TIER,
    )


def schemas(text: TextConfig | None) -> Iterator[tuple[str, foreign.Schema]]:
    """Yield the JSON schema asked for, if any, with the name of its field. Raises `BadRequest`."""
    if text is None or text.format is None or text.format.type == "text":
        return
    if text.format.schema is None and text.format.type == "json_schema":
        raise BadRequest("text.format has the type json_schema but no schema; send one.", param="text.format.schema")
    yield "text.format.schema", text.format.schema or {}


def strict(text: TextConfig | None) -> bool:
    """Tell whether the client is ready for a refusal in place of JSON."""
    wanted = text.format if text else None
    return bool(wanted and wanted.type == "json_schema" and wanted.strict)


def tool_choice(request: ResponsesRequest) -> ToolChoice:
    """Return the tools that are offered. Raises `BadRequest`."""
    offered = functions(request.tools or ())
    choice = request.tool_choice
    if not isinstance(choice, ResponseToolChoice):
        return choose_tools(offered, choice and MODES[choice], parallel=request.parallel_tool_calls)
    mode, names = named_tools(choice)
    return choose_tools(offered, mode, names, parallel=request.parallel_tool_calls)


def named_tools(choice: ResponseToolChoice) -> tuple[ToolChoiceMode, list[str] | None]:
    """Return what a choice that is an object wants: the mode, and the names, None for all. Raises `BadRequest`."""
    if choice.type in MODES:
        return MODES[choice.type], None
    if choice.type == "allowed_tools":
        return choice.mode or "auto", [each.name for each in choice.tools or () if each.name]
    if choice.type != "function" or choice.name is None:
        raise BadRequest(f"tool_choice is of the type {choice.type!r}; name a function of tools.", param="tool_choice")
    return "required", [choice.name]


def functions(tools: Sequence[ResponseTool]) -> Iterator[Tool]:
    """Yield the functions among the tools of a request. Raises `BadRequest` for one without a name."""
    for index, sent in enumerate(tools):
        where = f"tools[{index}]"
        if sent.type in FUNCTION_TYPES:
            if sent.name is None:
                raise BadRequest(f"{where} is a function without a name; give it one.", param=f"{where}.name")
            yield tool(sent.name, sent.description, sent.parameters, sent.strict, where)
