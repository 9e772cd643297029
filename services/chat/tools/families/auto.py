"""Read calls of models of an unknown family: after any family's marker, and as JSON with or without a fence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.chat.tools.call import ParsedCall
from services.chat.tools.families.base import Family
from services.chat.tools.families.plain import Plain
from services.chat.tools.reader import Reader, Reading
from services.chat.tools.values import ToolSchemas


class Auto(Plain):
    """Read the calls of all `families` that begin with a marker, and JSON without one; write JSON."""

    name = "auto"

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families
        # Several families share a marker; the order is that of the families.
        self.markers = tuple(dict.fromkeys(marker for family in families for marker in family.markers))
        self.closers = tuple(dict.fromkeys(closer for family in families for closer in family.closers))

    def readings_after_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the readings of the families whose marker may be here, in their order; of all where none is.

        An answer may consist of nothing but markers, and trying all families at each would stop other requests.
        """
        here = [family for family in self._families if reader.may_begin(family.markers)]
        for family in here or self._families:
            yield from family.readings_after_marker(reader, tools)
