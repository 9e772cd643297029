"""Define the types that the steps of the pipeline pass to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from services.chat.rag.fence import fence_line
from services.core.message import Messages

MAX_TITLE = 60
"""Characters of a title that are shown; they suffice to distinguish sources."""

Kind = Literal["web", "page", "file", "text", "collection", "note", "chat", "image"]
"""What a source is: a result of a web search, or what a person attached: a page by its address, a file, a text, a
collection of documents, a note, a chat, the text of an image."""


@dataclass(frozen=True, slots=True)
class Source:
    """One ``<source>`` of a request."""

    id: str
    """The number that an answer cites it by."""
    name: str
    """Its title, else a document's name; empty for search results without titles, whose name is only the query."""
    url: str
    text: str
    kind: Kind = "web"

    @property
    def attached(self) -> bool:
        """Return whether a person chose it. Such a source is never irrelevant."""
        return self.kind != "web"

    def label(self) -> str:
        """Return its heading in the prompt: the number, and the title or else the host.

        It is short, because each token of it is one less for a passage.
        """
        name = self.title() or fence_line(host_of(self.url or self.name))
        return f"[{fence_line(self.id)}] {name}" if name else f"[{fence_line(self.id)}]"

    def title(self) -> str:
        """Return the title as it is shown, in one line; empty without one."""
        return "" if "://" in self.name else fence_line(self.name[: 4 * MAX_TITLE])[:MAX_TITLE]


def host_of(url: str) -> str:
    """Return ``example.org`` for ``https://www.example.org/page``; empty if `url` is no address."""
    rest = url.partition("://")[2]
    return rest.partition("/")[0].removeprefix("www.")[:MAX_TITLE]


@dataclass(frozen=True, slots=True)
class RagRequest:
    """The parts of a request with sources."""

    sources: tuple[Source, ...]
    """The sources that are read."""
    question: str
    system: str
    """Text of the system messages without the sources and the template around them, otherwise unchanged: where it is
    equal from turn to turn, its KV cache is used again."""
    history: Messages
    """Messages between the system messages and the question, oldest first."""
    found: int
    """Number of sources, including those that are not read."""
    unread: int = 0
    """Characters of the sources that are not read, because there are too many."""
    instructions: str = ""
    """Text of a template that is not known: somebody's instructions about the sources."""
