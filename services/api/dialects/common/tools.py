"""Convert tools and the choice among them from a dialect's words to those of a `GenerationRequest`."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from services.api.dialects.common.content import clean
from services.api.dialects.openai.types import ChatRequest, Choice, Function, FunctionName, NamedTool
from services.chat.schema import shallow
from services.core.errors import BadRequest
from services.core.request import Tool


@dataclass(frozen=True, slots=True)
class Chosen:
    """Hold what becomes `tools`, `call_required` and `parallel_calls` of a `GenerationRequest`."""

    tools: tuple[Tool, ...] = ()
    required: bool = False
    parallel: bool = True


def chosen_tools(
    tools: Sequence[Tool],
    choice: Choice | None = None,
    names: Collection[str] | None = None,
    *,
    parallel: bool | None = None,
    param: str = "tool_choice",
) -> Chosen:
    """The part of `tools` that a request wants offered.

    `names` are those that its choice names, None where it names none; `choice` ``required`` with one name is a call of
    just that one. Raises `BadRequest` for `param` where the choice names what is not there, and for tools that share a
    name.
    """
    found = {tool.name: tool for tool in tools}
    if len(found) < len(tools):
        raise BadRequest("Two tools have the same name; give each a name of its own.", param="tools")
    unknown = sorted(set(names or ()) - found.keys())
    if unknown:
        known = ", ".join(found) or "none"
        raise BadRequest(f"{param} names the tool {unknown[0]!r}, which is not among the tools: {known}.", param=param)
    if choice == "required" and not found:
        raise BadRequest(f"{param} demands a call, but the request has no tools.", param=param)
    offered = () if choice == "none" else tuple(tool for tool in tools if names is None or tool.name in names)
    return Chosen(offered, choice == "required" and bool(offered), parallel is not False)


def tool(name: str, description: str | None, parameters: dict[str, Any] | None, where: str) -> Tool:
    """A tool of a request, at `where` in it. Raises `BadRequest`."""
    found = shallow(parameters or {}, f"{where}.parameters")
    return Tool(name, clean(description or "", f"{where}.description"), found)


def call(id: str, name: str, arguments: str, where: str) -> dict[str, Any]:
    """A call in an earlier message, as chat templates know it. Raises `BadRequest` for arguments that are no object."""
    path = f"{where}.tool_calls.function.arguments"
    try:
        value = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadRequest(f"{path} is not the text of a JSON object.", param=path)
    shallow(value, path)
    function = {"name": clean(name, f"{where}.tool_calls.function.name"), "arguments": clean(arguments or "{}", path)}
    return {"id": id, "type": "function", "function": function}


def chosen(request: ChatRequest) -> Chosen:
    """The tools of an OpenAI chat; ``functions`` and ``function_call`` are its older names for them."""
    if request.tools is None and request.functions is not None:
        return older(request.functions, request.function_call)
    tools = [offered(item.function, f"tools[{i}].function") for i, item in enumerate(request.tools or ())]
    choice = request.tool_choice
    if not isinstance(choice, NamedTool):
        return chosen_tools(tools, choice, parallel=request.parallel_tool_calls)
    mode, names = named(choice)
    return chosen_tools(tools, mode, names, parallel=request.parallel_tool_calls)


def named(choice: NamedTool) -> tuple[Choice, list[str]]:
    """What a choice that is an object wants. Raises `BadRequest`."""
    if choice.type == "allowed_tools" and choice.allowed_tools is not None:
        allowed = choice.allowed_tools
        return allowed.mode, [item.function.name for item in allowed.tools if item.function]
    if choice.type == "function" and choice.function is not None:
        return "required", [choice.function.name]
    raise BadRequest(f"tool_choice has the type {choice.type!r} but no {choice.type!r}.", param="tool_choice")


def older(functions: list[Function], choice: str | FunctionName | None) -> Chosen:
    tools = [offered(item, f"functions[{i}]") for i, item in enumerate(functions)]
    if isinstance(choice, FunctionName):
        return chosen_tools(tools, "required", [choice.name], parallel=False, param="function_call")
    return chosen_tools(tools, "none" if choice == "none" else "auto", parallel=False, param="function_call")


def offered(function: Function, where: str) -> Tool:
    return tool(function.name, function.description, function.parameters, where)
