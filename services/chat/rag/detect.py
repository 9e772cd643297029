"""Find the sources that Open WebUI put into a request, and separate the question, the persona and the history.

Open WebUI does not escape page text, so a page may contain any tag. The first source is a tag at the start of a line or
of the context, with an id and at least one more attribute; the examples in templates have only an id. Each further one
stands at the start of the line behind a ``</source>``, with an id that counts up or repeats. The last one ends at the
last ``</source>`` before ``</context>`` if the template has that tag, else at the last one of the message. A request
without such tags is left alone.

What remains possible: a page that itself writes ``</source>``, a line end and an opening tag with the next id divides
itself into two sources, and can give the second one any title and kind. It reaches nothing else by that, neither the
other sources nor the question.

Every step takes linear time, since a page may contain any number of whole and half tags.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from services.chat.rag import template
from services.chat.rag.pace import do_nothing, lightly_paced, paced
from services.chat.rag.sources import Kind, RagRequest, Source
from services.chat.rag.template import CONTEXT, CONTEXT_END
from services.core.message import Messages

MAX_SOURCES = 256
"""Sources that are read; a search gives ten, a large collection of documents about a hundred. Of further ones only the
number counts."""

MAX_TAG = 8000
"""Characters of the attributes of one source. The longest ones in use are addresses of about 2,000."""

MAX_ID = 64
"""Characters of a source's id; Open WebUI's are numbers."""

MAX_BLANKS = 8
"""Blanks between the sources and the tags of the context."""

NAMES = frozenset({"name", "resource-type", "title", "source", "url"})
"""Attributes that say what a source is; one of them is enough. HTML's own element has others."""

KINDS: dict[str, Kind] = {
    "web_search": "web",
    "url": "page",
    "file": "file",
    "text": "text",
    "collection": "collection",
    "note": "note",
    "chat": "chat",
    "image": "image",
}
"""The kinds of sources by Open WebUI's words for them."""

_HEAD = "<source "
_CLOSING = "</source>"
_TAG = re.compile(f"{_HEAD}|{_CLOSING}")
_FIRST_ATTRIBUTE = re.compile(r"[\w-]{1,64}=([\"'])")
_BORDERS = {quote: re.compile(rf"{quote} ([\w-]{{1,64}})={quote}") for quote in "\"'"}
"""What separates two attributes, by the quotation mark of the tag. A value may itself contain the mark."""
_NEXT = re.compile(rf"[ \t]{{0,{MAX_BLANKS}}}\r?\n[ \t]{{0,{MAX_BLANKS}}}(?={_HEAD})")
"""What stands between two sources."""


class Opening(NamedTuple):
    """The opening tag of a source."""

    start: int
    end: int
    attributes: dict[str, str]

    @property
    def id(self) -> str:
        """Return the id of the source."""
        return self.attributes["id"]


class Block(NamedTuple):
    """The part of a message with sources."""

    before: str
    sources: tuple[Source, ...]
    found: int
    """Number of sources, including those beyond `MAX_SOURCES`."""
    unread: int
    """Characters of the sources beyond `MAX_SOURCES`, with their tags."""
    after: str


def detect(messages: Messages, give_way: Callable[[], None] = do_nothing) -> RagRequest | None:
    """Return the parts of a request with sources; None if the request has no sources.

    The sources are in the last user message or in a system message, depending on Open WebUI's version and settings.
    Calls `give_way` every few milliseconds.
    """
    # A request that ends with a tool's result or a partial answer asks no new question.
    if not messages or messages[-1].role != "user":
        return None
    systems = [message.text for message in messages if message.role == "system"]
    history = tuple(message for message in messages[:-1] if message.role != "system")
    last = messages[-1].text
    if block := _block(last, give_way):
        own, added = template.separate(block.before, give_way)
        around, question = template.split_question(*template.without_copies(block.after, give_way))
        if question:
            instructions = _instructions(own, added, around)
            return RagRequest(
                block.sources, question, "\n\n".join(systems), history, block.found, block.unread, instructions
            )
    # With RAG_SYSTEM_CONTEXT, Open WebUI puts the sources behind the persona in the system message.
    for index, system in enumerate(systems):
        if block := _block(system, give_way):
            own, added = template.separate(block.before, give_way)
            instructions = _instructions(added, template.without_copies(block.after, give_way)[0])
            persona = "\n\n".join(filter(None, [*systems[:index], own, *systems[index + 1 :]]))
            return RagRequest(block.sources, last, persona, history, block.found, block.unread, instructions)
    return None


def _instructions(*texts: str) -> str:
    """Return what somebody wrote around the sources and the question."""
    return "\n".join(filter(None, (template.without_label(text).strip() for text in texts)))


def _block(text: str, give_way: Callable[[], None]) -> Block | None:
    """Return the part of `text` with sources; None without sources."""
    first = next(filter(None, paced(_beginnings(text), give_way)), None)
    if first is None:
        return None
    end = _end(text, first, give_way)
    if end < 0:
        return None
    found = filter(None, paced(_openings(text, first, end), give_way))
    openings = list(islice(found, MAX_SOURCES + 1))
    borders = [*(opening.start for opening in openings[1:]), end + len(_CLOSING)][:MAX_SOURCES]
    sources = tuple(_source(text, opening, border) for opening, border in zip(openings, borders, strict=False))
    unread = max(0, end - borders[-1])
    before, after = template.unwrap(text[: first.start], text[end + len(_CLOSING) :])
    return Block(before, sources, len(openings) + sum(1 for _ in found), unread, after)


def _end(text: str, first: Opening, give_way: Callable[[], None]) -> int:
    """Return the index of the closing tag that ends the last source; -1 without one.

    A page may contain the tag and even the end of the context, so the last ones count.
    """
    # Without the tag of the context, its end is a page's or the question's.
    if text[max(0, first.start - len(CONTEXT) - MAX_BLANKS) : first.start].rstrip().endswith(CONTEXT):
        for stop in lightly_paced(_backwards(text, CONTEXT_END), give_way):
            end = text.rfind(_CLOSING, max(first.end, stop - len(_CLOSING) - MAX_BLANKS), stop)
            if end >= 0 and not text[end + len(_CLOSING) : stop].strip():
                return end
    return text.rfind(_CLOSING, first.end)


def _backwards(text: str, word: str) -> Iterator[int]:
    """Yield the indexes of `word` in `text`, the last one first."""
    place = len(text)
    while (place := text.rfind(word, 0, place)) >= 0:
        yield place


def _beginnings(text: str) -> Iterator[Opening | None]:
    """Yield the tags that the first source may begin with, and None for each text that only begins like one."""
    place = text.find(_HEAD)
    while place >= 0:
        head = text[max(0, place - 16) : place].rstrip(" \t")
        yield _opening(text, place, len(text)) if not head or head.endswith(("\n", CONTEXT)) else None
        place = text.find(_HEAD, place + 1)


def _openings(text: str, first: Opening, end: int) -> Iterator[Opening | None]:
    """Yield the opening tags of all sources before the index `end`, and None for each other closing tag."""
    yield first
    ids = {first.id}
    highest = _number(first.id)
    place = text.find(_CLOSING, first.end, end)
    while place >= 0:
        gap = _NEXT.match(text, place + len(_CLOSING), end)
        opening = _opening(text, gap.end(), end) if gap else None
        # Ids that are no numbers are not Open WebUI's, and count nothing.
        if opening and (highest < 0 or opening.id in ids or _number(opening.id) == highest + 1):
            ids.add(opening.id)
            highest = max(highest, _number(opening.id))
            yield opening
        else:
            yield None
        place = text.find(_CLOSING, place + 1, end)


def _number(id: str) -> int:
    """Return the number that an id is, else -1."""
    return int(id) if id.isdecimal() else -1


def _opening(text: str, start: int, end: int) -> Opening | None:
    """Return the opening tag at the index `start`; None if it is incomplete or no tag of a source."""
    first = _FIRST_ATTRIBUTE.match(text, start + len(_HEAD))
    if not first:
        return None
    # Names are not escaped: a query or a title may contain "<". Nothing is examined for two openings.
    border = _TAG.search(text, first.end(), min(end, start + MAX_TAG))
    stop = text.find(f"{first[1]}>", first.end(), border.start() if border else min(end, start + MAX_TAG))
    inside = text[first.start() : max(stop, 0)]
    attributes = _attributes(inside, first[1])
    known = 0 < len(attributes.get("id", "")) <= MAX_ID and NAMES & attributes.keys()
    return Opening(start, stop + 2, attributes) if known else None


def _attributes(inside: str, quote: str) -> dict[str, str]:
    """Return the attributes of a tag, given without its last quotation mark. The first one of a name counts."""
    parts = _BORDERS[quote].split(f"{quote} {inside}")
    return dict(reversed([*zip(parts[1::2], parts[2::2], strict=True)]))


def _source(text: str, opening: Opening, border: int) -> Source:
    """Return the source that ends at the last closing tag before the index `border`."""
    stop = text.rfind(_CLOSING, opening.end, border)
    attributes = opening.attributes
    # The name of a search result is the query, which says nothing about the page.
    searched = attributes.get("resource-type") == "web_search"
    # Open WebUI escapes the metadata, and nothing else.
    title, url = (
        html.unescape(attributes.get(key, "")) for key in ("title", "source" if "source" in attributes else "url")
    )
    name = title or ("" if searched else attributes.get("name", ""))
    inside = text[opening.end : stop if stop >= 0 else border]
    return Source(opening.id, name, url if "://" in url else "", inside.strip(), _kind(attributes))


def _kind(attributes: dict[str, str]) -> Kind:
    """Return what a source is. Of one without a known type, an address tells that it is from the web."""
    addressed = any("://" in attributes.get(key, "") for key in ("url", "source", "name"))
    return KINDS.get(attributes.get("resource-type", ""), "web" if addressed else "file")
