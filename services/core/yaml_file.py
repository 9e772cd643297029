"""Read a YAML file that the owner wrote, into dicts, lists and plain values, in bounded time and memory.

PyYAML's own loader builds whatever a file asks for: dates, sets, bombs of aliases, numbers of any length. Here its
parser alone is used. An owner's settings need no anchors, aliases, merges or tags, so these are refused, and a date is
text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml import events

from services.core.owner_files import read_bounded

LIMIT = 128 * 1024
"""Bytes of a file. The slowest content of this size takes some 0.2 s to read."""

DEPTH = 16
"""Most levels of lists and mappings inside each other. The time of libyaml grows with the square of the depth."""

NUMBER_LENGTH = 64
"""Most characters of a number; what is longer is text."""

FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of characters: neither can be sent to a client or an engine."""

PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))

Event = Any
"""An event of PyYAML's parser. Its published types leave out attributes that every event has."""

# Any: their methods have no types.
resolver: Any = yaml.resolver.Resolver()
constructor: Any = yaml.constructor.SafeConstructor()


class YamlError(Exception):
    """The content cannot be used. The message reads on from the file's name: "is no YAML: ...", "has ...".

    It has nothing of the content, since some files have secrets, and a secret may stand where a key belongs.
    """


def read_yaml(path: Path) -> Any:
    """Return the content of a file, None for an empty one. Blocks as the disk does. Raises `YamlError`, `OSError`."""
    return parse_yaml(read_bounded(path, LIMIT))


def parse_yaml(data: bytes) -> Any:
    """Return the one document in `data`, None where there is none. Raises `YamlError`."""
    try:
        stream = yaml.parse(data.decode("utf-8-sig"), Loader=yaml.CSafeLoader)
        return Builder(stream).document()
    except UnicodeDecodeError as error:
        raise YamlError(f"is no UTF-8 at byte {error.start}; save it as UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise YamlError(
            f"is no YAML: {getattr(error, 'problem', None) or 'it has a control character'}{where}"
        ) from error


class Builder:
    """Build values from the events of the parser, which come while it reads."""

    def __init__(self, stream: Iterator[Event]) -> None:
        self._events = stream
        self._depth = 0

    def document(self) -> Any:
        """Return the value of the first document. Raises `YamlError` for a second one."""
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), events.StreamEndEvent):
            return None
        value = self._value(next(self._events))
        next(self._events)  # the end of the document
        second = next(self._events)
        if not isinstance(second, events.StreamEndEvent):
            raise refusal("has a second document", second, "write one")
        return value

    def _value(self, event: Event) -> Any:
        if isinstance(event, events.AliasEvent) or event.anchor is not None:
            raise refusal("has an anchor or an alias", event, "write the value itself")
        if event.tag is not None:
            raise refusal("has a tag (!)", event, "write the value alone, in quotes if it is text")
        if isinstance(event, events.ScalarEvent):
            return scalar(event)
        self._depth += 1
        if self._depth > DEPTH:
            raise refusal(f"has more than {DEPTH} levels", event, "write fewer")
        found = self._mapping() if isinstance(event, events.MappingStartEvent) else self._sequence()
        self._depth -= 1
        return found

    def _sequence(self) -> list[Any]:
        found = []
        while not isinstance(event := next(self._events), events.SequenceEndEvent):
            found.append(self._value(event))
        return found

    def _mapping(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), events.MappingEndEvent):
            if not isinstance(event, events.ScalarEvent):
                raise refusal("has a key that is no text", event, "write lines 'key: value'")
            key = text(event)
            if key in found:
                raise refusal("has a key for the second time", event, "remove one of the two")
            found[key] = self._value(next(self._events))
        return found


def scalar(event: Event) -> Any:
    """Return a plain null, boolean or number as such, and all else as text. Raises `YamlError`."""
    value = text(event)
    tag = resolver.resolve(yaml.ScalarNode, value, event.implicit)
    if tag not in PLAIN_TAGS or len(value) > NUMBER_LENGTH:
        return value
    try:
        return getattr(constructor, f"construct_yaml_{tag.rpartition(':')[2]}")(yaml.ScalarNode(tag, value))
    except ValueError:  # such as 0x_, which YAML takes for a number
        return value


def text(event: Event) -> str:
    """Return the characters of a scalar. Raises `YamlError` for some that no text has."""
    value = str(event.value)
    if found := FORBIDDEN.search(value):
        raise refusal(f"has the character U+{ord(found[0]):04X}", event, "remove it")
    return value


def refusal(found: str, event: Event, remedy: str) -> YamlError:
    """Return the error for what stands at `event`."""
    return YamlError(f"{found} in line {event.start_mark.line + 1}; {remedy}")
