"""Tools, calls and results as plain text, for models whose chat template knows none of them. Pure."""

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

MOST = 160
"""Characters of a description: its first sentence mostly fits."""


def signature(tool: Tool) -> str:
    """``get_weather(city: string, unit?: "c" | "f"): The weather of a city``."""
    required = tool.parameters.get("required")
    names = required if isinstance(required, list) else []
    properties = tool.parameters.get("properties")
    fields = properties.items() if isinstance(properties, dict) else ()
    arguments = ", ".join(f"{name}{'' if name in names else '?'}: {kind(value)}" for name, value in fields)
    about = short(tool.description)
    return f"{tool.name}({arguments}){f': {about}' if about else ''}"


def kind(schema: Any, depth: int = 2) -> str:
    """The type of a value in a few characters; `depth` levels of objects are written out."""
    if not isinstance(schema, dict):
        return "any"
    if isinstance(schema.get("enum"), list):
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    options = schema.get("anyOf", schema.get("oneOf"))
    if isinstance(options, list):
        return " | ".join(kind(option, depth) for option in options)
    found = schema.get("type", "any")
    if found == "array":
        return f"{kind(schema.get('items'), depth)}[]"
    properties = schema.get("properties")
    if isinstance(properties, dict) and depth:
        return "{" + ", ".join(f"{name}: {kind(value, depth - 1)}" for name, value in properties.items()) + "}"
    return " | ".join(map(str, found)) if isinstance(found, list) else str(found)


def short(text: str) -> str:
    """The beginning of a description, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= MOST else line[:MOST].rpartition(" ")[0] + " ..."


def instructions(tools: Sequence[Tool], family: Family, required: bool) -> str:
    """What a model is told of `tools`."""
    when = "Call a function now" if required else "Call a function only when the question needs it"
    lines = ["You can call these functions:", *(f"- {signature(tool)}" for tool in tools)]
    lines.append(f"{when}, by answering with nothing but {'its' if required else 'the'} call, in this form:")
    lines.append(family.example())
    return "\n".join(lines)


def with_instructions(messages: Messages, text: str, model: Model) -> Messages:
    """Put `text` behind the system message, or make it one; where the engine takes none, put it before the question."""
    if not spec_of(model).system_messages and len(messages) == 1:
        return (messages[0].with_text(f"{text}\n\n{messages[0].text}"),)
    if messages and messages[0].role == "system":
        return (messages[0].with_text(f"{messages[0].text}\n\n{text}".lstrip()), *messages[1:])
    return (message("system", text), *messages)


def as_text(messages: Messages, family: Family) -> Messages:
    """Return `messages` with calls and results as text: results are messages of the user, as templates know no others.

    Messages of the user that follow each other become one: many templates want the roles to alternate.
    """
    names = {call.id: call.name for each in messages for call in each.calls}
    if not names and not any(each.role == "tool" for each in messages):
        return messages
    plain = [one_as_text(each, names, family) for each in messages]
    groups = [list(group) for _, group in groupby(plain, lambda each: each.role)]
    return tuple(joined(group) for group in groups)


def joined(group: Sequence[Message]) -> Message:
    """Return one message with the parts of all; a blank line stands between their texts."""
    others = [part for each in group for part in each.parts if not isinstance(part, TextPart)]
    text = "\n\n".join(each.text for each in group)
    return Message(group[0].role, (TextPart(text), *others))


def one_as_text(each: Message, names: Mapping[str, str], family: Family) -> Message:
    """Return a message without calls; a tool's result becomes a message of the user."""
    if each.role == "tool":
        name = each.name or names.get(each.call_id or "", "")
        return Message("user", each.with_text(f"Result of {name or 'the function'}:\n{each.text}").parts)
    calls = [family.written(call.name, call.arguments) for call in each.calls]
    return Message(each.role, each.with_text("\n".join(filter(None, [each.text, *calls]))).parts)
