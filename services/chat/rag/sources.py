"""What the steps of the pipeline hand to each other."""

from __future__ import annotations

from dataclasses import dataclass

from services.core.message import Messages

TITLE = 60
"""Characters of a title that tell one source from another."""


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
        """How it is named to the model: its number and its title, else its host. More costs what a passage could say."""
        name = self.title() or host_of(self.url or self.name)
        return f"[{self.id}] {name}" if name else f"[{self.id}]"

    def title(self) -> str:
        """As much of its title as is shown, nothing where it has none."""
        return "" if "://" in self.name else " ".join(self.name.split())[:TITLE]


def host_of(url: str) -> str:
    """``example.org`` of ``https://www.example.org/page``, nothing for what is no address."""
    rest = url.partition("://")[2]
    return rest.partition("/")[0].removeprefix("www.")[:TITLE]


@dataclass(frozen=True, slots=True)
class Found:
    """A request taken apart."""

    sources: tuple[Source, ...]
    question: str
    system: str
    """What the system messages say besides the sources and their template."""
    history: Messages
    """The messages between, oldest first."""
