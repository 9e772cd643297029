"""Define what a family of models is: how calls are found in its text, and how calls are written for it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from services.chat.tools import json_calls
from services.chat.tools.call import ParsedCall
from services.chat.tools.json_calls import FENCE
from services.chat.tools.reader import Reader, Reading
from services.chat.tools.values import ToolSchemas

NAME, ARGUMENTS = "<function>", "{...}"
"""Placeholders for a function's name and arguments in the example of a call."""


class Family(ABC):
    """Read and write the calls of one family of models."""

    name: ClassVar[str]
    """The name for ``tools`` in a ``model.yaml``."""
    template_signs: ClassVar[tuple[str, ...]] = ()
    """Texts that identify this family's chat templates; one of them is enough. Empty: no template is recognised."""
    markers: tuple[str, ...]
    """Texts with which a call begins, anywhere in an answer."""
    closers: tuple[str, ...] = (FENCE,)
    """Texts that may follow a call and belong to it."""

    def matches(self, template: str) -> bool:
        """Return whether `template` is a chat template of this family."""
        return any(sign in template for sign in self.template_signs)

    @abstractmethod
    def readings_after_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the ways to read the calls that begin with one of `markers`, in the order in which to try them."""

    def readings_without_marker(self, reader: Reader, tools: ToolSchemas) -> Iterator[Reading[list[ParsedCall]]]:
        """Return the ways to read the calls without a marker, at the beginning of an answer or behind a call.

        Engines leave out markers that are special tokens, and models of all families sometimes write JSON alone.
        """
        yield json_calls.read_calls(reader, tools)

    @abstractmethod
    def format_call(self, name: str, arguments: str) -> str:
        """Return a call as such a model writes it; `arguments` is the text of a JSON object."""

    def example_call(self) -> str:
        """Return the example of a call for the prompt."""
        return self.format_call(NAME, ARGUMENTS)


def json_string(name: str) -> str:
    """Return a name as a JSON string."""
    return json.dumps(name, ensure_ascii=False)


def argument_texts(arguments: str) -> list[tuple[str, str]]:
    """Return each argument and its value as text: a string as it is, everything else as JSON."""
    values = json.loads(arguments)
    return [
        (key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in values.items()
    ]
