"""Convert tools, the choice among them and earlier calls to the types of a `GenerationRequest`."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.api.dialects.common.content import clean
from services.chat.schema import bounded_json
from services.core.errors import BadRequest
from services.core.message import ToolCall
from services.core.request import Tool

FunctionName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
"""Names that every family of calls can write."""

ToolChoiceMode = Literal["none", "auto", "required"]
"""Whether tools may be called: none, as the model likes, at least one."""


class Function(Struct):
    """A function that may be called."""

    name: FunctionName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionTool(Struct):
    """A function as OpenAI and Ollama wrap it."""

    function: Function
    type: Literal["function"] = "function"


ToolList = Annotated[list[FunctionTool], Meta(max_length=256)]


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """What becomes `tools`, `call_required` and `parallel_calls` of a `GenerationRequest`."""

    tools: tuple[Tool, ...] = ()
    required: bool = False
    parallel: bool = True


def choose_tools(
    tools: Sequence[Tool],
    mode: ToolChoiceMode | None = None,
    names: Collection[str] | None = None,
    *,
    parallel: bool | None = None,
    param: str = "tool_choice",
) -> ToolChoice:
    """Return the part of `tools` that a request wants offered, and whether one of them must be called.

    `names` are the tools that the choice names, None for all. `parallel` is None where the request does not say. Raises
    `BadRequest` for `param` where the choice names a tool that is not there, and where two tools have the same name.
    """
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
    if mode == "required" and not found:
        raise BadRequest(
            f"{param} demands a call, but the request has no tools; send some, or demand none.", param=param
        )
    offered = () if mode == "none" else tuple(tool for tool in tools if names is None or tool.name in names)
    return ToolChoice(offered, mode == "required" and bool(offered), parallel is not False)


def tool(name: str, description: str | None, parameters: dict[str, Any] | None, where: str) -> Tool:
    """Return a tool of a request, at `where` in it. Raises `BadRequest`."""
    found = bounded_json(parameters or {}, f"{where}.parameters")
    return Tool(name, clean(description or "", f"{where}.description"), found)


def tool_of(function: Function, where: str) -> Tool:
    """Return the tool of a function, at `where` in the request. Raises `BadRequest`."""
    return tool(function.name, function.description, function.parameters, where)


def earlier_call(id: str, name: str, arguments: str, where: str) -> ToolCall:
    """Return a call of an earlier message, at `where`. Raises `BadRequest` for arguments that are no JSON object."""
    path = f"{where}.tool_calls.function.arguments"
    try:
        value = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadRequest(f"{path} is not the text of a JSON object; send one, such as {'{}'!r}.", param=path)
    bounded_json(value, path)
    return ToolCall(id, clean(name, f"{where}.tool_calls.function.name"), clean(arguments or "{}", path))
