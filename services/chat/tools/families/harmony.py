"""Harmony, of gpt-oss: ``<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{...}<|call|>``."""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import json_calls
from services.chat.tools.call import Call, NoCall
from services.chat.tools.families.base import Family
from services.chat.tools.json_calls import FENCE
from services.chat.tools.source import Reading, Source
from services.chat.tools.values import Tools

START, CHANNEL, CONSTRAIN, MESSAGE, CALL = "<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "<|call|>"
ROLE, RECIPIENT, FORMAT = "assistant", "to=functions.", "json"
COMMENTARY, CHANNELS = "commentary", ("commentary", "analysis")


class Harmony(Family):
    name = "harmony"
    signs = (f"{CHANNEL}{COMMENTARY}", "<|channel|>analysis", RECIPIENT)
    markers = (f"{START}{ROLE}", CHANNEL, f"{COMMENTARY} {RECIPIENT}")
    closers = (CALL, FENCE)

    def marked(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield message(source, tools)

    def bare(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        yield from super().bare(source, tools)
        yield message(source, tools)

    def written(self, name: str, arguments: str) -> str:
        return f"{CHANNEL}{COMMENTARY} {RECIPIENT}{name} {CONSTRAIN}{FORMAT}{MESSAGE}{arguments}{CALL}"


def message(source: Source, tools: Tools) -> Reading[list[Call]]:
    """Read a message to a function. Its special tokens may be missing, its recipient may stand before the channel."""
    if (yield from source.literal(START)):
        yield from source.require(ROLE)
    name = yield from recipient(source, tools)
    yield from source.literal(CHANNEL)
    for channel in CHANNELS:
        if (yield from source.literal(channel)):
            break
    name = name or (yield from recipient(source, tools))
    if not name:
        raise NoCall
    yield from source.blanks()
    for part in (CONSTRAIN, FORMAT, MESSAGE):
        yield from source.literal(part)
    return (yield from json_calls.arguments(source, tools, name))


def recipient(source: Source, tools: Tools) -> Reading[str]:
    """Read the name of a tool as a recipient; return an empty one where there is none."""
    yield from source.blanks()
    if not (yield from source.literal(RECIPIENT)):
        return ""
    return (yield from source.name(tools))
