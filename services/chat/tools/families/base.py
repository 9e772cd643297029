"""What a family of models is: how its calls are found in text, and how they are written. Pure."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from services.chat.tools import json_calls
from services.chat.tools.call import Call
from services.chat.tools.json_calls import FENCE
from services.chat.tools.source import Reading, Source
from services.chat.tools.values import Tools

NAME, ARGUMENTS = "<function>", "{...}"
"""What stands for a name and for arguments in the example of a call."""


class Family(ABC):
    """How a family of models writes its calls."""

    name: ClassVar[str]
    """As ``tools`` in ``model.yaml`` names it."""
    signs: ClassVar[tuple[str, ...]] = ()
    """Texts that only the chat templates of this family have; one of them is enough."""
    markers: tuple[str, ...]
    """Texts with which a call begins, anywhere in an answer."""
    closers: tuple[str, ...] = (FENCE,)
    """Texts that may follow a call and belong to it."""

    def is_of(self, template: str) -> bool:
        """Return whether `template` is the chat template of such a model."""
        return any(sign in template for sign in self.signs)

    @abstractmethod
    def marked(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        """Return the ways to read the calls that begin with one of `markers`, to be tried in this order."""

    def bare(self, source: Source, tools: Tools) -> Iterator[Reading[list[Call]]]:
        """Return the ways to read the calls that begin an answer, or follow a call, without a marker.

        Engines leave out markers that are special tokens; and models of all families write bare JSON.
        """
        yield json_calls.calls(source, tools)

    @abstractmethod
    def written(self, name: str, arguments: str) -> str:
        """Return a call as such a model writes it; `arguments` is the text of a JSON object."""

    def example(self) -> str:
        """Return what a model is shown of the form of a call."""
        return self.written(NAME, ARGUMENTS)


def quoted(name: str) -> str:
    """Return a name as JSON."""
    return json.dumps(name, ensure_ascii=False)


def fields(arguments: str) -> list[tuple[str, str]]:
    """Return each argument and its value as text: a string as it is, all else as JSON."""
    values = json.loads(arguments)
    return [
        (key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in values.items()
    ]
