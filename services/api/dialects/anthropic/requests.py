"""Convert requests of Anthropic's API to `GenerationRequest`s. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from services.api.dialects.anthropic.types import (
    CountTokensRequest,
    InputBlock,
    InputMessage,
    MessagesRequest,
    MessagesTool,
    MessagesToolChoice,
    OutputConfig,
    OutputFormat,
)
from services.api.dialects.common import foreign
from services.api.dialects.common.content import ContentPart, part, result_parts, text_parts
from services.api.dialects.common.parameters import NeutralValues, requested, sampling_of, stops
from services.api.dialects.common.tools import (
    ToolChoice,
    ToolChoiceMode,
    choose_tools,
    conversation,
    earlier_call,
    id_text,
    left_out,
    tool,
)
from services.core.errors import BadRequest
from services.core.message import Message, Part, ToolCall
from services.core.request import GenerationRequest, Tool

IGNORED: NeutralValues = {
    "mcp_servers": (None, []),
    "context_management": (None,),
    "service_tier": (None, "auto", "standard_only"),
    "container": (None,),
}
"""Parameters without effect; a value that asks for something is named in the warning."""

THINKING_IGNORED: NeutralValues = {"budget_tokens": (None,), "display": (None, "summarized")}
"""The same for the fields of ``thinking``."""

OUTPUT_IGNORED: NeutralValues = {"effort": (None,)}
"""The same for the fields of ``output_config``."""

THINKING = {"enabled": True, "disabled": False, "adaptive": None}
"""The thinking switch for each type of ``thinking``; None leaves it to the model."""

MODES: Mapping[str, ToolChoiceMode] = {"auto": "auto", "any": "required", "tool": "required", "none": "none"}
"""The mode for each type of ``tool_choice``."""

JSON_SCHEMA = "json_schema"
"""The type of formats that have a schema."""

CUSTOM = "custom"
"""The type of tools that are the client's own; it may be left out."""

OTHERS = frozenset(
    {
        "bash_code_execution_tool_result", "code_execution_tool_result", "container_upload", "mcp_tool_result",
        "mcp_tool_use", "server_tool_use", "text_editor_code_execution_tool_result", "tool_search_tool_result",
        "web_fetch_tool_result", "web_search_tool_result",
    }
)  # fmt: skip
"""Types of blocks about tools of Anthropic's servers. A conversation that began there goes on here without them."""


def ignored(request: CountTokensRequest) -> list[str]:
    """Return the names of the parameters with which `request` asks for what this server does not do."""
    return [
        *foreign.ignored(request, IGNORED),
        *requested(request.thinking, THINKING_IGNORED, "thinking."),
        *requested(request.output_config, OUTPUT_IGNORED, "output_config."),
        *(f"{name}.type" for name, sent in formats(request) if sent.type not in (JSON_SCHEMA, "text")),
        *blocks_left_out(request.messages),
        *(["tools.input_examples"] if any(tool.input_examples for tool in request.tools or ()) else []),
        *left_out(tool.type for tool in request.tools or () if tool.type != CUSTOM),
    ]


def blocks_left_out(messages: Sequence[InputMessage]) -> list[str]:
    """Return what a warning says of the assistant's blocks that no message is made of."""
    answers = (sent.content for sent in messages if sent.role == "assistant" and isinstance(sent.content, list))
    kinds = [block.type for blocks in answers for block in blocks if block.type in OTHERS]
    return [f"content of the type {kind}" for kind in dict.fromkeys(kinds)]


def chat(request: CountTokensRequest) -> GenerationRequest:
    """Return what a request asks for; a request that counts tokens has no sampling. Raises `BadRequest`."""
    choice = tool_choice(request)
    schemas = list(format_schemas(request))
    generation = GenerationRequest(
        messages=conversation(messages(request)),
        json_schema=foreign.schema_of(request, schemas),
        schema_strict=bool(schemas),  # Anthropic's schemas are always strict
        thinking=THINKING[request.thinking.type] if request.thinking else None,
        tools=choice.tools,
        call_required=choice.required,
        parallel_calls=choice.parallel,
        rag=request.rag is not False,
    )
    return sampled(generation, request) if isinstance(request, MessagesRequest) else generation


def formats(request: CountTokensRequest) -> list[tuple[str, OutputFormat]]:
    """Return the formats of a request, each with the name of its field."""
    config = request.output_config or OutputConfig()
    places = (("output_config.format", config.format), ("output_format", request.output_format))
    return [(name, sent) for name, sent in places if sent is not None]


def format_schemas(request: CountTokensRequest) -> Iterator[tuple[str, foreign.Schema]]:
    """Yield the schemas of the formats, each with the name of its field. Raises `BadRequest` for none where one is."""
    for name, sent in formats(request):
        if sent.type == JSON_SCHEMA:
            if sent.schema is None:
                raise BadRequest(f"{name} has the type json_schema but no schema; send one.", param=f"{name}.schema")
            yield f"{name}.schema", sent.schema


def sampled(generation: GenerationRequest, request: MessagesRequest) -> GenerationRequest:
    """Return `generation` with the limit, the sampling parameters and the stop strings of a request."""
    sampling = sampling_of(request)
    return replace(generation, max_tokens=request.max_tokens, sampling=sampling, stop=stops(request.stop_sequences))


def tool_choice(request: CountTokensRequest) -> ToolChoice:
    """Return the tools that are offered. Raises `BadRequest`."""
    offered = functions(request.tools or ())
    choice = request.tool_choice or MessagesToolChoice("auto")
    if choice.type == "tool" and choice.name is None:
        raise BadRequest(
            "tool_choice has the type 'tool' but no name; send the name of a tool.", param="tool_choice.name"
        )
    names = [choice.name] if choice.type == "tool" and choice.name else None
    return choose_tools(offered, MODES[choice.type], names, parallel=choice.disable_parallel_tool_use is not True)


def functions(tools: Sequence[MessagesTool]) -> Iterator[Tool]:
    """Yield the client's own tools. Raises `BadRequest` for one without a name."""
    for index, sent in enumerate(tools):
        where = f"tools[{index}]"
        if sent.type in (None, "", CUSTOM):
            if sent.name is None:
                raise BadRequest(f"{where} is a tool without a name; give it one.", param=f"{where}.name")
            yield tool(sent.name, sent.description, sent.input_schema, sent.strict, where)


def messages(request: CountTokensRequest) -> Iterator[Message]:
    """Yield the system prompt and the conversation as messages. Raises `BadRequest`."""
    if request.system:
        yield Message("system", blocks(request.system, "system"))
    for index, sent in enumerate(request.messages):
        where = f"messages[{index}].content"
        if sent.content is None and sent.role != "assistant":
            raise BadRequest(f"{where} is missing; send a text or a list of blocks.", param=where)
        if not isinstance(sent.content, list) or sent.role == "system":
            yield Message(sent.role, blocks(sent.content or "", where, written=sent.role == "assistant"))
        elif sent.role == "assistant":
            yield assistant(sent.content, where)
        else:
            yield from user(sent.content, where)


def user(content: Sequence[InputBlock], where: str) -> Iterator[Message]:
    """Yield the messages that a message of the user becomes: each result of a tool is one of its own.

    Raises `BadRequest`.
    """
    results = [(i, b) for i, b in enumerate(content) if b.type == "tool_result"]
    yield from (tool_result(b, f"{where}[{i}]") for i, b in results)
    others = [block(b, f"{where}[{i}]") for i, b in enumerate(content) if b.type != "tool_result"]
    if others or not results:
        yield Message("user", tuple(chain(*others)))


def assistant(content: Sequence[InputBlock], where: str) -> Message:
    """Return a message of the assistant: its text and its calls, without its reasoning. Raises `BadRequest`."""
    calls = [tool_call(b, f"{where}[{i}]") for i, b in enumerate(content) if b.type == "tool_use"]
    apart = {"tool_use", *OTHERS}
    parts = [block(b, f"{where}[{i}]", written=True) for i, b in enumerate(content) if b.type not in apart]
    return Message("assistant", tuple(chain(*parts)), tuple(calls))


def tool_call(sent: InputBlock, where: str) -> ToolCall:
    """Return a call in an earlier message. Raises `BadRequest`."""
    if sent.name is None:
        raise BadRequest(f"{where} is a tool_use without a name; send the name of its tool.", param=f"{where}.name")
    return earlier_call(sent.id, sent.name, sent.input, where)


def tool_result(sent: InputBlock, where: str) -> Message:
    """Return the result of a tool as a message. Raises `BadRequest`.

    The text of a failed call begins with ``Error:``, since messages have no field for it.
    """
    content, place = sent.content, f"{where}.content"
    texts = blocks(content, place, written=True) if isinstance(content, list) else result_parts(content, place)
    found = Message("tool", texts, call_id=id_text(sent.tool_use_id))
    return found.with_text(f"Error: {found.text}") if sent.is_error else found


def blocks(content: str | Sequence[InputBlock], where: str, written: bool = False) -> tuple[Part, ...]:
    """Return content as parts of a message; `written` is that of `text_parts`. Raises `BadRequest` as `block` does."""
    if isinstance(content, str):
        return text_parts(content, where, written)
    return tuple(chain(*(block(each, f"{where}[{index}]", written) for index, each in enumerate(content))))


def block(sent: InputBlock, where: str, written: bool = False) -> tuple[Part, ...]:
    """Return a block as a part of a message. Raises `BadRequest` for one that is no text."""
    return part(ContentPart(sent.type, sent.text), where, written)
