"""Find the sources that Open WebUI put into a request, and separate the question, the persona and the history.

A source is a tag at the start of a line with an id and a name or a kind, as Open WebUI writes it; the examples in its
template have neither. Open WebUI does not escape page text, so a page may contain ``</source>`` itself. Therefore a
source ends at the last closing tag before the next source, and the last source at the last one before ``</context>``. A
request without such tags is left alone.
"""

from __future__ import annotations

import re
from itertools import pairwise

from services.chat.rag.sources import RagRequest, Source
from services.core.message import Messages

_OPENING = re.compile(
    r"<source id=\"([^\"<\n]{1,64})\""
    r"((?= name=| resource-type=)(?: [\w-]{1,64}=\"[^<\n]{0,2000}?\"(?=[ >])){1,16})>"
)
_ATTRIBUTE = re.compile(r" ([\w-]+)=\"(.*?)\"(?= [\w-]+=\"|$)")
_CLOSING = "</source>"
_END = re.compile(r"</source>\s{0,8}</context>")
_CONTEXT_TAG = re.compile(r"\n?</?context>\n?")
_QUERY = re.compile(r"<user_query>(.*?)</user_query>", re.DOTALL)
_TASK = "### Task:"
"""The beginning of Open WebUI's own template. Its text up to the sources is written for large models and is dropped."""


def detect(messages: Messages) -> RagRequest | None:
    """Return the parts of a request with sources; None if the request has no sources.

    The sources are in the last user message or in a system message, depending on Open WebUI's version and settings.
    """
    # A request that ends with a tool's result or a partial answer asks no new question.
    if not messages or messages[-1].role != "user":
        return None
    systems = [message.text for message in messages if message.role == "system"]
    history = tuple(message for message in messages[:-1] if message.role != "system")
    last = messages[-1].text
    if block := _block(last):
        before, sources, after = block
        question = _question(after)
        if question:
            system = "\n\n".join(filter(None, [*systems, _without_template(before)]))
            return RagRequest(sources, question, system, history)
    # With RAG_SYSTEM_CONTEXT, Open WebUI puts the sources into the system message.
    for index, system in enumerate(systems):
        if block := _block(system):
            before, sources, after = block
            rest = [_without_template(before), _QUERY.sub("", _without_tags(after)).strip()]
            system_parts = filter(None, [*systems[:index], *rest, *systems[index + 1 :]])
            return RagRequest(sources, last, "\n\n".join(system_parts), history)
    return None


def _block(text: str) -> tuple[str, tuple[Source, ...], str] | None:
    """Return the text before the sources, the sources, and the text behind them; None without sources."""
    if "<source id=" not in text:
        return None
    # A page may contain </source> and even </context>, so the last end counts.
    ends = [match.start() for match in _END.finditer(text)]
    end = ends[-1] if ends else text.rfind(_CLOSING)
    openings = [match for match in _OPENING.finditer(text) if match.end() <= end and _may_begin(text, match)]
    if not openings:
        return None
    stops = [*(text.rfind(_CLOSING, first.end(), second.start()) for first, second in pairwise(openings)), end]
    sources = tuple(_source(match, text[match.end() : stop]) for match, stop in zip(openings, stops, strict=True))
    return text[: openings[0].start()], sources, text[end + len(_CLOSING) :]


def _may_begin(text: str, opening: re.Match[str]) -> bool:
    """Return whether a source may begin here: at the start of a line or the context, or behind another source."""
    head = text[max(0, opening.start() - 16) : opening.start()].rstrip(" \t")
    return not head or head.endswith(("\n", "<context>", _CLOSING))


def _source(opening: re.Match[str], text: str) -> Source:
    attributes = dict(_ATTRIBUTE.findall(opening[2]))
    # The name of a search result is the query, which says nothing about the page.
    searched = attributes.get("resource-type") == "web_search"
    name = attributes.get("title") or ("" if searched else attributes.get("name", ""))
    url = attributes.get("source") or attributes.get("url") or ""
    return Source(opening[1], name, url if "://" in url else "", text.strip())


def _without_tags(text: str) -> str:
    return _CONTEXT_TAG.sub("\n", text).strip()


def _question(after: str) -> str:
    """Return what the user wrote. The template may contain it twice: the copy in ``<user_query>`` is dropped."""
    after = _without_tags(after)
    rest = _QUERY.sub("", after).strip()
    copies = _QUERY.findall(after)
    return rest or (copies[-1].strip() if copies else "")


def _without_template(before: str) -> str:
    """Return the persona, without the template that follows it."""
    return _without_tags(before.partition(_TASK)[0])
