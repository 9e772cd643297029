"""Find the sources that Open WebUI put into a request, and separate the question, the persona and the history.

A source is a tag at the start of a line with an id and at least one more attribute, as Open WebUI writes it; the
examples in its template have only an id. Open WebUI does not escape page text, so a page may contain ``</source>``
itself. Therefore a source ends at the last closing tag before the next source, and the last source at the last one
before ``</context>``. A request without such tags is left alone.

Every step takes linear time, since a page may contain any number of whole and half tags.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from services.chat.rag.pace import do_nothing, lightly_paced
from services.chat.rag.sources import RagRequest, Source
from services.core.message import Messages

MAX_SOURCES = 256
"""Sources that are read; a search gives ten, a large collection of documents about a hundred. Of further ones only the
number counts."""

MAX_TAG = 8000
"""Characters of the attributes of one source. The longest ones in use are addresses of about 2,000."""

MAX_ID = 64
"""Characters of a source's id; Open WebUI's are numbers."""

MAX_BLANKS = 8
"""Blanks between the last source and the end of the context."""

NAMES = frozenset({"name", "resource-type", "title", "source", "url"})
"""Attributes that say what a source is; one of them is enough. HTML's own element has others."""

_HEAD = "<source "
_CLOSING = "</source>"
_FIRST_ATTRIBUTE = re.compile(r"[\w-]{1,64}=([\"'])")
_BORDERS = {quote: re.compile(rf"{quote} ([\w-]{{1,64}})={quote}") for quote in "\"'"}
"""What separates two attributes, by the quotation mark of the tag. A value may itself contain the mark."""
_CONTEXT, _CONTEXT_END = "<context>", "</context>"
_QUERY, _QUERY_END = "<user_query>", "</user_query>"
_TASK = "### Task:"
"""The beginning of Open WebUI's own template. Its text up to the sources is written for large models and is dropped."""


class Opening(NamedTuple):
    """The opening tag of a source."""

    start: int
    end: int
    attributes: dict[str, str]


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
        rest, copy = _split_question(block.after, give_way)
        # The template may contain the question twice: the copy in its tag is dropped.
        if question := rest or copy:
            system = "\n\n".join(filter(None, [*systems, _without_template(block.before)]))
            return RagRequest(block.sources, question, system, history, block.found, block.unread)
    # With RAG_SYSTEM_CONTEXT, Open WebUI puts the sources into the system message.
    for index, system in enumerate(systems):
        if block := _block(system, give_way):
            around = [_without_template(block.before), _split_question(block.after, give_way)[0]]
            parts = filter(None, [*systems[:index], *around, *systems[index + 1 :]])
            return RagRequest(block.sources, last, "\n\n".join(parts), history, block.found, block.unread)
    return None


def _block(text: str, give_way: Callable[[], None]) -> Block | None:
    """Return the part of `text` with sources; None without sources."""
    if _HEAD not in text:
        return None
    end = _end(text, give_way)
    found = filter(None, lightly_paced(_openings(text, end), give_way))
    openings = list(islice(found, MAX_SOURCES + 1))
    if not openings:
        return None
    borders = [*(opening.start for opening in openings[1:]), end + len(_CLOSING)][:MAX_SOURCES]
    sources = tuple(_source(text, opening, border) for opening, border in zip(openings, borders, strict=False))
    unread = max(0, end - borders[-1])
    after = text[end + len(_CLOSING) :]
    return Block(text[: openings[0].start], sources, len(openings) + sum(1 for _ in found), unread, after)


def _end(text: str, give_way: Callable[[], None]) -> int:
    """Return the index of the closing tag that ends the last source; -1 without one.

    A page may contain the tag and even the end of the context, so the last ones count.
    """
    for stop in lightly_paced(_backwards(text, _CONTEXT_END), give_way):
        end = text.rfind(_CLOSING, max(0, stop - len(_CLOSING) - MAX_BLANKS), stop)
        if end >= 0 and not text[end + len(_CLOSING) : stop].strip():
            return end
    return text.rfind(_CLOSING)


def _backwards(text: str, word: str) -> Iterator[int]:
    """Yield the indexes of `word` in `text`, the last one first."""
    place = len(text)
    while (place := text.rfind(word, 0, place)) >= 0:
        yield place


def _openings(text: str, end: int) -> Iterator[Opening | None]:
    """Yield the opening tags before the index `end`, and None for each text that only begins like one."""
    place = text.find(_HEAD, 0, max(end, 0))
    while place >= 0:
        yield _opening(text, place, end) if _may_begin(text, place) else None
        place = text.find(_HEAD, place + 1, end)


def _may_begin(text: str, start: int) -> bool:
    """Return whether a source may begin here: at the start of a line or the context, or behind another source."""
    head = text[max(0, start - 16) : start].rstrip(" \t")
    return not head or head.endswith(("\n", _CONTEXT, _CLOSING))


def _opening(text: str, start: int, end: int) -> Opening | None:
    """Return the opening tag at the index `start`; None if it is incomplete or no tag of a source."""
    first = _FIRST_ATTRIBUTE.match(text, start + len(_HEAD))
    if not first:
        return None
    # No attribute contains the beginning of a tag, so no character is examined for two openings.
    limit = min(end, start + MAX_TAG)
    border = text.find("<", first.end(), limit)
    stop = text.find(f"{first[1]}>", first.end(), limit if border < 0 else border)
    inside = text[first.start() : max(stop, 0)]
    attributes = _attributes(inside, first[1])
    known = 0 < len(attributes.get("id", "")) <= MAX_ID and NAMES & attributes.keys()
    return Opening(start, stop + 2, attributes) if known and "\n" not in inside else None


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
    name = attributes.get("title") or ("" if searched else attributes.get("name", ""))
    url = attributes.get("source") or attributes.get("url") or ""
    inside = text[opening.end : stop if stop >= 0 else border]
    return Source(attributes["id"], name, url if "://" in url else "", inside.strip())


def _split_question(after: str, give_way: Callable[[], None]) -> tuple[str, str]:
    """Return the text behind the sources without the copies of the question in their tags, and the last copy."""
    text = after.strip().removeprefix(_CONTEXT_END)
    rest, copy, place = [], "", 0
    for start, end in lightly_paced(_copies(text), give_way):
        rest.append(text[place:start])
        copy, place = text[start + len(_QUERY) : end], end + len(_QUERY_END)
    return "".join([*rest, text[place:]]).strip(), copy.strip()


def _copies(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each copy of the question begins, with its tag, and where its text ends."""
    start = text.find(_QUERY)
    while start >= 0 and (end := text.find(_QUERY_END, start)) >= 0:
        yield start, end
        start = text.find(_QUERY, end)


def _without_template(before: str) -> str:
    """Return the persona, without the template that follows it."""
    return before.partition(_TASK)[0].strip().removesuffix(_CONTEXT).strip()
