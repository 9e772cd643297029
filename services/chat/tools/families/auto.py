"""Models of no known family: whatever the marker of a call shows, and JSON in a fence or without one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.chat.tools.call import Call
from services.chat.tools.families.base import Family
from services.chat.tools.families.plain import Plain
from services.chat.tools.source import Reading, Source
from services.chat.tools.values import Tools


class Auto(Plain):
    """Reads the calls of all of `families` that begin with a marker, and bare JSON; writes JSON."""

    name = "auto"

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families
        self.markers = tuple(dict.fromkeys(marker for family in families for marker in family.markers))
        self.closers = tuple(dict.fromkeys(closer for family in families for closer in family.closers))

    def marked(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        for family in self._families:
            yield from family.marked(source, tools)
