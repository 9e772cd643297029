"""Finds the sources that Open WebUI put into a request, and what else there is: the question, the persona, the history.

A source is a tag at the start of a line with an id and a name or a kind, as Open WebUI writes it; its template's own
examples have neither. Page text is not escaped, so the last closing tag before the next source counts, and the last
one of all before ``</context>``. Where nothing of that kind is found the request is left alone.
"""

from __future__ import annotations

import re
from itertools import pairwise

from services.chat.rag.sources import Found, Source
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
"""How Open WebUI's own template begins; what stands between it and the sources is instructions for large models."""


def detect(messages: Messages) -> Found | None:
    """The request taken apart, None where it holds no sources."""
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
            return Found(sources, question, system, history)
    for index, system in enumerate(systems):
        if block := _block(system):
            before, sources, after = block
            rest = [_without_template(before), _QUERY.sub("", _bare(after)).strip()]
            kept = filter(None, [*systems[:index], *rest, *systems[index + 1 :]])
            return Found(sources, last, "\n\n".join(kept), history)
    return None


def _block(text: str) -> tuple[str, tuple[Source, ...], str] | None:
    """What stands before the sources, the sources, and what stands behind them."""
    if "<source id=" not in text:
        return None
    ends = [match.start() for match in _END.finditer(text)]
    end = ends[-1] if ends else text.rfind(_CLOSING)
    openings = [match for match in _OPENING.finditer(text) if match.end() <= end and _fresh(text, match)]
    if not openings:
        return None
    stops = [*(text.rfind(_CLOSING, first.end(), second.start()) for first, second in pairwise(openings)), end]
    sources = tuple(_source(match, text[match.end() : stop]) for match, stop in zip(openings, stops, strict=True))
    return text[: openings[0].start()], sources, text[end + len(_CLOSING) :]


def _fresh(text: str, opening: re.Match[str]) -> bool:
    """Whether a source may begin here: at the start of a line, of the sources, or directly behind another one."""
    head = text[max(0, opening.start() - 16) : opening.start()].rstrip(" \t")
    return not head or head.endswith(("\n", "<context>", _CLOSING))


def _source(opening: re.Match[str], text: str) -> Source:
    attributes = dict(_ATTRIBUTE.findall(opening[2]))
    searched = attributes.get("resource-type") == "web_search"
    name = attributes.get("title") or ("" if searched else attributes.get("name", ""))
    url = attributes.get("source") or attributes.get("url") or ""
    return Source(opening[1], name, url if "://" in url else "", text.strip())


def _bare(text: str) -> str:
    return _CONTEXT_TAG.sub("\n", text).strip()


def _question(after: str) -> str:
    """What the user wrote, with or without the template's copy of it."""
    after = _bare(after)
    rest = _QUERY.sub("", after).strip()
    copies = _QUERY.findall(after)
    return rest or (copies[-1].strip() if copies else "")


def _without_template(before: str) -> str:
    """The persona, without the template behind it."""
    return _bare(before.partition(_TASK)[0])
