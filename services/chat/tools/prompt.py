"""Tools, calls and results as plain text, for models whose chat template knows none of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from services.core.model import Model
from services.core.request import Tool
from services.models import chat_templates

Message = dict[str, Any]

PLAIN = chat_templates.OTHER
"""The family of models that are told all there is to know."""

CALLS = {
    "hermes": '<tool_call>\n{{"name": {name}, "arguments": {arguments}}}\n</tool_call>',
    "llama": '{{"name": {name}, "parameters": {arguments}}}',
    "mistral": '[TOOL_CALLS][{{"name": {name}, "arguments": {arguments}}}]',
    "json": '{{"name": {name}, "arguments": {arguments}}}',
}
"""How a model of each family is told to write a call, and finds its own earlier ones written."""

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


def written(name: str, arguments: str, family: str) -> str:
    """A call as the model writes it."""
    return CALLS[family].format(name=json.dumps(name, ensure_ascii=False), arguments=arguments)


def instructions(tools: Sequence[Tool], family: str, required: bool) -> str:
    """What a model is told of `tools`."""
    example = CALLS[family].format(name='"<function>"', arguments="{...}")
    when = "Call a function now" if required else "Call a function only when the question needs it"
    lines = ["You can call these functions:", *(f"- {signature(tool)}" for tool in tools)]
    lines.append(f"{when}, by answering with nothing but {'its' if required else 'the'} call, in this form:\n{example}")
    return "\n".join(lines)


def with_instructions(messages: Sequence[Message], text: str, model: Model) -> tuple[Message, ...]:
    """`text` behind the system message, or as one; the `rkllm` program takes none, so there before the question."""
    if model.engine == "rkllm_cli" and len(messages) == 1:
        return ({**messages[0], "content": f"{text}\n\n{messages[0]['content']}"},)
    if messages and messages[0]["role"] == "system":
        first = {**messages[0], "content": f"{messages[0]['content']}\n\n{text}".lstrip()}
        return (first, *messages[1:])
    return ({"role": "system", "content": text}, *messages)


def as_text(messages: Sequence[Message], family: str) -> tuple[Message, ...]:
    """`messages` with calls and results as text: results are turns of the user, as templates know no others.

    Turns of the user that follow each other become one: many templates want the roles to alternate.
    """
    names = {call["id"]: call["function"]["name"] for m in messages for call in m.get("tool_calls") or ()}
    if not names and not any(message["role"] == "tool" for message in messages):
        return tuple(messages)
    said = [one_as_text(message, names, family) for message in messages]
    groups = [list(group) for _, group in groupby(said, lambda message: message["role"])]
    return tuple({"role": group[0]["role"], "content": "\n\n".join(m["content"] for m in group)} for group in groups)


def one_as_text(message: Message, names: dict[str, str], family: str) -> Message:
    content = message["content"]
    if message["role"] == "tool":
        name = message.get("name") or names.get(message.get("tool_call_id", ""), "")
        return {"role": "user", "content": f"Result of {name or 'the function'}:\n{content}"}
    functions = [call["function"] for call in message.get("tool_calls") or ()]
    calls = [written(function["name"], function["arguments"], family) for function in functions]
    return {"role": message["role"], "content": "\n".join(filter(None, [content, *calls]))}
