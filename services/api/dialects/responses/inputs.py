"""Convert the input of a response to messages. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from services.api.dialects.common.content import parts, result_parts, text_parts
from services.api.dialects.common.tools import conversation, earlier_call, id_text
from services.api.dialects.responses.types import ResponseInputItem, ResponsesRequest
from services.core.errors import BadRequest
from services.core.message import Message, Messages, ToolCall

CALLS = ("function_call", "custom_tool_call")
"""Types of items that are calls; those of a custom tool have a text in place of arguments."""

RESULTS = ("function_call_output", "custom_tool_call_output")
"""Types of items that are results of calls."""

OTHERS = frozenset(
    {
        "apply_patch_call", "apply_patch_call_output", "code_interpreter_call", "compaction", "computer_call",
        "computer_call_output", "file_search_call", "image_generation_call", "item_reference", "local_shell_call",
        "local_shell_call_output", "mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools",
        "shell_call", "shell_call_output", "tool_search_call", "tool_search_output", "web_search_call",
    }
)  # fmt: skip
"""Types of items that only OpenAI's servers can read: about their tools, or kept by them.

A conversation that began there goes on here without them.
"""

LEFT_OUT = OTHERS | {"reasoning"}
"""Types of items that no message is made of; chat templates have no place for earlier reasoning."""


def messages(request: ResponsesRequest) -> Messages:
    """Return the instructions and the input as messages. Raises `BadRequest`."""
    return joined(conversation(converted(request)))


def joined(messages: Messages) -> Messages:
    """Return `messages` with each call in the assistant's message before it: together they are one answer."""
    found: list[Message] = []
    for each in messages:
        if each.calls and found and found[-1].role == "assistant":
            found[-1] = replace(found[-1], calls=(*found[-1].calls, *each.calls))
        else:
            found.append(each)
    return tuple(found)


def converted(request: ResponsesRequest) -> Iterator[Message]:
    """Yield the instructions and each item of the input as a message of its own. Raises `BadRequest`."""
    if request.instructions:
        yield Message("system", text_parts(request.instructions, "instructions"))
    if isinstance(request.input, str):
        yield Message("user", text_parts(request.input, "input"))
        return
    for index, item in enumerate(request.input):
        where = f"input[{index}]"
        if item.type in CALLS:
            yield Message("assistant", calls=(tool_call(item, where),))
        elif item.type in RESULTS:
            yield tool_result(item, where)
        elif item.type not in LEFT_OUT:
            yield message(item, where)


def left_out(request: ResponsesRequest) -> list[str]:
    """Return what a warning says of the items of the input that no message is made of."""
    kinds = [item.type for item in request.input if item.type in OTHERS] if isinstance(request.input, list) else []
    return [f"input of the type {kind}" for kind in dict.fromkeys(kinds)]


def message(item: ResponseInputItem, where: str) -> Message:
    """Return the message of an item. Raises `BadRequest`."""
    if item.type not in (None, "", "message"):
        raise BadRequest(
            f"{where} is of the type {item.type!r}. Send items of the types message, function_call, "
            "function_call_output and reasoning.",
            param=where,
        )
    content = parts(item.content, f"{where}.content", written=item.role == "assistant")
    if item.role is None or (item.content is None and item.role != "assistant"):
        raise BadRequest(f"{where} is a message without a role or without content; send both.", param=where)
    return Message("system" if item.role == "developer" else item.role, content)


def tool_result(item: ResponseInputItem, where: str) -> Message:
    """Return the output of a tool as a message. Raises `BadRequest`."""
    return Message("tool", result_parts(item.output, f"{where}.output"), call_id=id_text(item.call_id))


def tool_call(item: ResponseInputItem, where: str) -> ToolCall:
    """Return the call of an earlier answer. Raises `BadRequest`."""
    if item.name is None:
        raise BadRequest(f"{where} is a call without a name; send the name of its tool.", param=f"{where}.name")
    arguments = item.arguments if item.input is None else {"input": item.input}
    return earlier_call(item.call_id, item.name, arguments, where)
