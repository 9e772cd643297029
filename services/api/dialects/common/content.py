"""Convert the content of messages to parts, checked so that engines can take them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from services.core.errors import BadRequest
from services.core.message import Part, TextPart

TEXTS = ("text", "input_text", "output_text")
"""Types of parts that are text, in all dialects."""


class ImageURL(Struct):
    """The address of an image."""

    url: str


class ContentPart(Struct):
    """One part of a message's content, as OpenAI's clients send it."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageURL | str | None = None


def clean(value: str, where: str) -> str:
    """Return `value`. Raises `BadRequest` for a NUL character: it ends a C string, and the rest would be lost."""
    if "\0" in value:
        raise BadRequest(f"{where} contains a NUL character; remove it.", param=where)
    return value


def text_parts(content: str, where: str) -> tuple[Part, ...]:
    """Return `content` as the only part of a message. Raises `BadRequest`."""
    return (TextPart(clean(content, where)),)


def parts(content: str | Sequence[ContentPart] | None, where: str) -> tuple[Part, ...]:
    """Return the parts of a message's content; none for None. Raises `BadRequest` for a part that is no text."""
    if content is None:
        return ()
    if isinstance(content, str):
        return text_parts(content, where)
    return tuple(part(each, f"{where}[{index}]") for index, each in enumerate(content))


def part(sent: ContentPart, where: str) -> Part:
    """Return one part of a message. Raises `BadRequest` for one that is no text."""
    found = sent.text if sent.type in TEXTS else sent.refusal if sent.type == "refusal" else None
    if found is None:
        raise BadRequest(
            f"{where} has the type {sent.type!r}; this model reads text only. Send parts of the type 'text'.",
            param=where,
        )
    return TextPart(clean(found, where))
