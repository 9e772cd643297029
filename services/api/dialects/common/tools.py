"""Convert tools, the choice among them and earlier calls to the types of a `GenerationRequest`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from services.api.dialects.common.bounds import Description, Object, Word
from services.api.dialects.common.content import clean
from services.chat.schemas.checks import bounded_json
from services.core.errors import BadRequest
from services.core.message import Message, Messages, ToolCall
from services.core.request import Tool

FunctionName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
"""Names that every family of calls can write."""

ToolChoiceMode = Literal["none", "auto", "required"]
"""Whether tools may be called: none, as the model likes, at least one."""

ToolChoiceWord = ToolChoiceMode | Literal["any"]
"""A mode as clients write it."""

MODES: Mapping[str, ToolChoiceMode] = {"none": "none", "auto": "auto", "required": "required", "any": "required"}
"""The mode that each word means, alone or as the ``type`` of an object."""

FUNCTION_TYPES = ("function", "")
"""The types of tools that are functions of the client."""

KNOWN_TYPES = frozenset(
    {
        "apply_patch", "bash", "code_execution", "code_interpreter", "computer", "computer_use", "computer_use_preview",
        "custom", "file_search", "image_generation", "local_shell", "mcp", "mcp_toolset", "memory", "namespace",
        "shell", "text_editor", "tool_search", "web_fetch", "web_search", "web_search_preview",
    }
)  # fmt: skip
"""Types of other tools, without a date behind them. Only these reach a header: a client must not choose its text."""

MAX_PARAMETERS = 512 * 1024
"""The most bytes of JSON that all tools of a request describe their arguments with. More fits no context."""

MAX_PARTS = 16_384
"""The most parts and calls of all messages of a request. Each takes a microsecond or two, while other requests wait."""

MAX_ARGUMENTS = 512 * 1024
"""The most characters of the arguments of all earlier calls. More fits no context."""


class Function(Struct):
    """A function that may be called."""

    name: FunctionName
    description: Description | None = None
    parameters: Object | None = None
    strict: bool | None = None


class FunctionTool(Struct):
    """A function as OpenAI and Ollama wrap it, or a tool of another type, which is left out."""

    function: Function | None = None
    type: Word = "function"


MaxTools = Meta(max_length=256)
ToolList = Annotated[list[FunctionTool], MaxTools]


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """What becomes `tools`, `call_required` and `parallel_calls` of a `GenerationRequest`."""

    tools: tuple[Tool, ...] = ()
    required: bool = False
    parallel: bool = True


def choose_tools(
    tools: Iterable[Tool],
    mode: ToolChoiceMode | None = None,
    names: Collection[str] | None = None,
    *,
    parallel: bool | None = None,
    param: str = "tool_choice",
) -> ToolChoice:
    """Return the part of `tools` that a request wants offered, and whether one of them must be called.

    `names` are the tools that the choice names, None for all. `parallel` is None where the request does not say. Raises
    `BadRequest` for `param` where the choice names a tool that is not there, and where two tools have the same name or
    all are too large.
    """
    tools = list(bounded_tools(tools))
    found = {tool.name: tool for tool in tools}
    if len(found) < len(tools):
        raise BadRequest("Two tools have the same name; give each a name of its own.", param="tools")
    unknown = sorted(set(names or ()) - found.keys())
    if unknown:
        known = ", ".join(found) or "none"
        raise BadRequest(
            f"{param} names the tool {unknown[0]!r}, which the request does not have; name one that it has: {known}.",
            param=param,
        )
    offered = () if mode == "none" else tuple(tool for tool in tools if names is None or tool.name in names)
    if mode == "required" and not offered:
        raise BadRequest(
            f"{param} demands a call, but there is no tool that may be called; send some, or demand none.", param=param
        )
    return ToolChoice(offered, mode == "required", parallel is not False)


def tool(
    name: str, description: str | None, parameters: dict[str, Any] | None, strict: bool | None, where: str
) -> Tool:
    """Return a tool of a request, at `where` in it. Raises `BadRequest`."""
    found = bounded_json(parameters or {}, f"{where}.parameters")
    return Tool(name, clean(description or "", f"{where}.description"), found, strict is True)


def tool_of(function: Function, where: str) -> Tool:
    """Return the tool of a function, at `where` in the request. Raises `BadRequest`."""
    return tool(function.name, function.description, function.parameters, function.strict, where)


def functions(tools: Iterable[FunctionTool]) -> Iterator[Tool]:
    """Yield the functions among the tools of a request. Raises `BadRequest`."""
    for index, each in enumerate(tools):
        where = f"tools[{index}].function"
        if each.type in FUNCTION_TYPES:
            if each.function is None:
                raise BadRequest(f"{where} is missing; send the function's name and parameters there.", param=where)
            yield tool_of(each.function, where)


def left_out(types: Iterable[str | None]) -> list[str]:
    """Return what a warning says of tools of these types: each that is no function is left out, and named."""
    others = [kind for kind in types if kind is not None and kind not in FUNCTION_TYPES]
    return list(dict.fromkeys(f"tools of {described(kind)}" for kind in others))


def described(kind: str) -> str:
    """Return a type of tools or items in words that no client chooses; some have a date behind their name."""
    name = re.sub(r"_[0-9]{8}$", "", kind)
    return f"the type {name}" if name in KNOWN_TYPES else "an unknown type"


def bounded_tools(tools: Iterable[Tool]) -> Iterator[Tool]:
    """Yield `tools` until they are larger than a request may have; then raise `BadRequest`."""
    size = 0
    for each in tools:
        size += len(msgspec.json.encode(each.parameters))
        if size > MAX_PARAMETERS:
            raise BadRequest(
                f"The parameters of all tools together have more than {MAX_PARAMETERS} bytes; send fewer tools.",
                param="tools",
            )
        yield each


def conversation(messages: Iterable[Message]) -> Messages:
    """Return `messages`. Raises `BadRequest` as soon as they have more parts or arguments than fit any context."""
    found, size, parts = [], 0, 0
    for each in messages:
        size += sum(len(call.arguments) for call in each.calls)
        parts += len(each.parts) + len(each.calls)
        if parts > MAX_PARTS:
            raise BadRequest(
                f"The messages have more than {MAX_PARTS} parts and calls together; join texts, or leave messages out.",
                param="messages",
            )
        if size > MAX_ARGUMENTS:
            raise BadRequest(
                f"The arguments of the earlier calls have more than {MAX_ARGUMENTS} characters; leave messages out.",
                param="messages",
            )
        found.append(each)
    return tuple(found)


def earlier_call(id: str | int | None, name: str, arguments: Any, where: str) -> ToolCall:
    """Return a call of an earlier message, at `where`. Raises `BadRequest` for a NUL character in its name.

    A conversation must go on, whatever an earlier answer wrote: arguments that are no JSON object are left out.
    """
    name, id = clean(name, f"{where}.tool_calls.function.name"), id_text(id) or ""
    if not arguments:
        return ToolCall(id, name, "{}")
    try:
        return ToolCall(id, name, arguments_text(arguments, where))
    except (msgspec.MsgspecError, ValueError, RecursionError, BadRequest):
        return ToolCall(id, name, "{}", unread=True)


def id_text(id: str | int | None) -> str | None:
    """Return the id of a call, which some clients number."""
    return None if id is None else str(id)


def arguments_text(arguments: Any, where: str) -> str:
    """Return the arguments of a call as a text. Raises what `earlier_call` catches if they are no object."""
    decoded = msgspec.json.decode(arguments) if isinstance(arguments, str) else arguments
    found = bounded_json(msgspec.convert(decoded, dict[str, Any]), where)
    if isinstance(arguments, str) and "\\" not in arguments:
        return arguments
    # Without escapes of what needs none: a template may decode them, and they would hide a control token until then.
    # As models write it, with spaces: what was generated then is the beginning of the next prompt.
    return json.dumps(found, ensure_ascii=False)
