"""Convert the content of messages to parts, checked so that engines can take them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from services.api.dialects.common.bounds import MaxItems, Object, Text, Word
from services.core.errors import BadRequest
from services.core.message import Part, TextPart

TEXTS = ("text", "input_text", "output_text")
"""Types of parts that are text, in all dialects."""

REASONING = ("thinking", "redacted_thinking", "reasoning", "reasoning_text")
"""Types of parts that are earlier reasoning. Clients send them back, and no chat template has a place for them."""


class ImageURL(Struct):
    """The address of an image."""

    url: Text


class ContentPart(Struct):
    """One part of a message's content, as OpenAI's clients send it."""

    type: Word
    text: Text | None = None
    refusal: Text | None = None
    image_url: ImageURL | Text | None = None


Parts = Annotated[list[ContentPart], MaxItems]

Content = Text | Parts | int | float | bool | None
"""The content of a message. OpenAI has no numbers here, but clients send them, of any size."""

Result = Content | Object
"""The result of a tool, which may be any JSON but a list of other things than parts."""


def clean(value: str, where: str) -> str:
    """Return `value`. Raises `BadRequest` for a NUL character: it ends a C string, and the rest would be lost."""
    if "\0" in value:
        raise BadRequest(f"{where} contains a NUL character; remove it.", param=where)
    return value


def text_parts(content: str, where: str, written: bool = False) -> tuple[Part, ...]:
    """Return `content` as the only part of a message. Raises `BadRequest`.

    A text that a model or a tool has `written` may have NUL characters, which become U+FFFD: nobody can send it again
    without them, and the conversation must go on.
    """
    return (TextPart(content.replace("\0", "\ufffd") if written else clean(content, where)),)


def parts(content: Content, where: str, written: bool = False) -> tuple[Part, ...]:
    """Return the parts of a message's content; none for None; `written` is that of `text_parts`.

    Raises `BadRequest` for a part that is no text.
    """
    if content is None:
        return ()
    if isinstance(content, list):
        return tuple(inner for i, each in enumerate(content) for inner in part(each, f"{where}[{i}]", written))
    return text_parts(content if isinstance(content, str) else json_text(content, where), where, written)


def result_parts(content: Result, where: str) -> tuple[Part, ...]:
    """Return the parts of a tool's result; an object becomes its JSON text. Raises `BadRequest` as `parts` does."""
    return parts(json_text(content, where) if isinstance(content, dict) else content, where, written=True)


def json_text(value: Any, where: str) -> str:
    """Return a JSON value as its text. Raises `BadRequest` for one that is nested too deeply."""
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError as error:
        raise BadRequest(f"{where} is nested too deeply; send a flatter value.", param=where) from error


def part(sent: ContentPart, where: str, written: bool = False) -> tuple[Part, ...]:
    """Return one part of a message, none for reasoning; `written` is that of `text_parts`.

    A part that a model or a tool has `written` may lack its text. Raises `BadRequest` for one that is no text.
    """
    if sent.type in REASONING:
        return ()
    found = sent.text if sent.type in TEXTS else sent.refusal if sent.type == "refusal" else None
    if found is None and sent.type in (*TEXTS, "refusal"):
        if written:
            return ()
        raise BadRequest(f"{where} has no text; send one, or leave the part out.", param=f"{where}.text")
    if found is None:
        raise BadRequest(
            f"{where} has the type {sent.type!r}; this model reads text only. Send parts of the type 'text'.",
            param=where,
        )
    return text_parts(found, where, written)
