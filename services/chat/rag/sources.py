"""What the steps of the pipeline hand to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Messages = tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One ``<source>`` of a request."""

    id: str
    """The number that an answer cites it by."""
    name: str
    """Its title, else a document's name; empty for search results without titles, whose name is only the query."""
    url: str
    text: str

    def label(self) -> str:
        return " ".join(filter(None, (f"[{self.id}]", self.name, f"({self.url})" if self.url else "")))


@dataclass(frozen=True, slots=True)
class Found:
    """A request taken apart."""

    sources: tuple[Source, ...]
    question: str
    system: str
    """What the system messages say besides the sources and their template."""
    history: Messages
    """The messages between, oldest first."""
