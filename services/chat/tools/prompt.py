"""Write tools, calls and results as plain text, for models whose chat template does not render them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from services.chat.tools.families.base import Family
from services.core.message import Message, Messages, TextPart, message
from services.core.model import Model
from services.core.request import Tool
from services.engines.registry import spec_of

MAX_DESCRIPTION = 160
"""Characters of a tool's description that are shown. The first sentence usually fits; longer texts cost prefill
time."""


def tool_signature(tool: Tool) -> str:
    """Return a tool as one line: ``get_weather(city: string, unit?: "c" | "f"): The weather of a city``."""
    required = tool.parameters.get("required")
    names = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    properties = tool.parameters.get("properties")
    fields = properties.items() if isinstance(properties, dict) else ()
    arguments = ", ".join(f"{name}{'' if name in names else '?'}: {type_text(value)}" for name, value in fields)
    description = shorten_text(tool.description)
    return f"{tool.name}({arguments}){f': {description}' if description else ''}"


def type_text(schema: Any, depth: int = 2) -> str:
    """Return the type of a value in a few characters; the inside of objects is shown for `depth` levels."""
    if not isinstance(schema, dict):
        return "any"
    if isinstance(schema.get("enum"), list):
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    options = schema.get("anyOf", schema.get("oneOf"))
    if isinstance(options, list):
        return " | ".join(type_text(option, depth) for option in options)
    name_of_type = schema.get("type", "any")
    if name_of_type == "array":
        return f"{type_text(schema.get('items'), depth)}[]"
    properties = schema.get("properties")
    if isinstance(properties, dict) and depth:
        return "{" + ", ".join(f"{name}: {type_text(value, depth - 1)}" for name, value in properties.items()) + "}"
    return " | ".join(map(str, name_of_type)) if isinstance(name_of_type, list) else str(name_of_type)


def shorten_text(text: str) -> str:
    """Return the beginning of a description, on one line."""
    # A description may have megabytes. The blanks of its beginning are merged, those of the rest are not looked at.
    line = " ".join(text[: 8 * MAX_DESCRIPTION].split())
    return line if len(line) <= MAX_DESCRIPTION else line[:MAX_DESCRIPTION].rpartition(" ")[0] + " ..."


def tool_instructions(tools: Sequence[Tool], family: Family, required: bool) -> str:
    """Return the text that describes `tools` to a model, with an example of a call. `required` demands one."""
    when = "Call a function now" if required else "Call a function only when the question needs it"
    lines = ["You can call these functions:", *(f"- {tool_signature(tool)}" for tool in tools)]
    lines.append(f"{when}, by answering with nothing but {'its' if required else 'the'} call, in this form:")
    lines.append(family.example_call())
    return "\n".join(lines)


def with_instructions(messages: Messages, text: str, model: Model) -> Messages:
    """Return `messages` with `text` added to the system message, or in a new one.

    Where the engine takes no system message, the text comes before the question.
    """
    if not spec_of(model).system_messages and len(messages) == 1:
        return (messages[0].with_text(f"{text}\n\n{messages[0].text}"),)
    if messages and messages[0].role == "system":
        return (messages[0].with_text(f"{messages[0].text}\n\n{text}".lstrip()), *messages[1:])
    return (message("system", text), *messages)


def calls_as_text(messages: Messages, family: Family) -> Messages:
    """Return `messages` with calls and results as text; a result becomes a message of the user.

    Adjacent messages of the user are merged, because many templates require alternating roles.
    """
    # A result refers to its call by id only; the model needs the name.
    names = {call.id: call.name for each in messages for call in each.calls}
    # Without calls and results nothing changes, so adjacent messages stay as the client sent them.
    if not names and not any(each.role == "tool" for each in messages):
        return messages
    plain = [message_as_text(each, names, family) for each in messages]
    groups = [list(group) for _, group in groupby(plain, lambda each: each.role)]
    return tuple(merge_messages(group) for group in groups)


def merge_messages(group: Sequence[Message]) -> Message:
    """Return one message with the parts of all; their texts are separated by a blank line."""
    others = [part for each in group for part in each.parts if not isinstance(part, TextPart)]
    text = "\n\n".join(each.text for each in group)
    return Message(group[0].role, (TextPart(text), *others))


def message_as_text(each: Message, names: Mapping[str, str], family: Family) -> Message:
    """Return a message without calls. The result of a tool becomes a message of the user."""
    if each.role == "tool":
        name = each.name or names.get(each.call_id or "", "")
        return Message("user", each.with_text(f"Result of {name or 'the function'}:\n{each.text}").parts)
    calls = [family.format_call(call.name, call.arguments) for call in each.calls]
    return Message(each.role, each.with_text("\n".join(filter(None, [each.text, *calls]))).parts)
