"""Read and write the calls of gpt-oss, in its format Harmony.

A call is ``<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{...}<|call|>``.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.chat.tools import json_calls
from services.chat.tools.call import NoCall, ParsedCall
from services.chat.tools.families.base import Family
from services.chat.tools.json_calls import FENCE
from services.chat.tools.reader import Reader, Reading
from services.chat.tools.values import ToolSchemas

START, CHANNEL, CONSTRAIN, MESSAGE, CALL = "<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "<|call|>"
ROLE, RECIPIENT, FORMAT = "assistant", "to=functions.", "json"
COMMENTARY, CHANNELS = "commentary", ("commentary", "analysis")


class Harmony(Family):
    """Read and write calls in Harmony's messages."""

    name = "harmony"
    template_signs = (f"{CHANNEL}{COMMENTARY}", "<|channel|>analysis", RECIPIENT)
    markers = (f"{START}{ROLE}", CHANNEL, f"{COMMENTARY} {RECIPIENT}")
    closers = (CALL, FENCE)

    def readings_after_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the reading of a message to a function."""
        yield read_message(reader, tools)

    def readings_without_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the readings of JSON, and of a message whose tokens the engine left out."""
        yield from super().readings_without_marker(reader, tools)
        yield read_message(reader, tools)

    def format_call(self, name: str, arguments: str) -> str:
        """Return a call as a message on the channel ``commentary``."""
        return f"{CHANNEL}{COMMENTARY} {RECIPIENT}{name} {CONSTRAIN}{FORMAT}{MESSAGE}{arguments}{CALL}"


def read_message(reader: Reader, tools: ToolSchemas) -> Reading[list[ParsedCall]]:
    """Read a message to a function. Its tokens may be missing, and the recipient may come before the channel."""
    if (yield from reader.literal(START)):
        yield from reader.require(ROLE)
    name = yield from read_recipient(reader, tools)
    yield from reader.literal(CHANNEL)
    # The documented channel for functions is commentary; gpt-oss also calls them on analysis.
    for channel in CHANNELS:
        if (yield from reader.literal(channel)):
            break
    name = name or (yield from read_recipient(reader, tools))
    if not name:
        raise NoCall
    yield from reader.blanks()
    # Engines that leave out special tokens leave only the word json.
    for part in (CONSTRAIN, FORMAT, MESSAGE):
        yield from reader.literal(part)
    return (yield from json_calls.read_arguments(reader, tools, name))


def read_recipient(reader: Reader, tools: ToolSchemas) -> Reading[str]:
    """Read the name of a tool as the recipient and return it; empty if there is none."""
    yield from reader.blanks()
    if not (yield from reader.literal(RECIPIENT)):
        return ""
    return (yield from reader.name(tools))
