"""Which tools a question means, told by its words: for models that never call one by themselves. Pure.

A model of a hundred million parameters cannot decide between an answer and a call, however it is asked. What it can do
is fill in the arguments of a call that a grammar demands, so with ``tools: words`` the server decides: a tool is meant
where the question has most of the telling words of its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from services.core.message import Messages
from services.core.model import Model
from services.core.request import GenerationRequest, Tool
from services.engines.support import GRAMMARS
from services.models.chat_templates import WORDS

UNTOLD = frozenset(
    "a all an any api by call check compute create current do fetch find for from function get give in info "
    "information item list look lookup make my new of on query read retrieve run search set show the to tool up update "
    "use with".split()
)
"""Words of names that tell nothing: verbs and fillers that half of all tools have."""

MOST = 0.5
"""The share of a name's telling words that a question must have."""

ENDING = 3
"""Letters of an ending."""

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
"""Between the words of ``getWeather``."""


def decided(generation: GenerationRequest, model: Model) -> GenerationRequest:
    """`generation`, with a call of what its question means demanded, where the model leaves that to the server."""
    undecided = generation.tools and not generation.call_required and generation.json_schema is None
    if model.tools != WORDS or model.engine not in GRAMMARS or not undecided:
        return generation
    tools = meant(generation.tools, generation.messages)
    return replace(generation, tools=tools, call_required=True) if tools else generation


def meant(tools: Sequence[Tool], messages: Messages) -> tuple[Tool, ...]:
    """Those of `tools` that the last message means; none where it is a tool's result, which wants an answer."""
    if not messages or messages[-1].role != "user":
        return ()
    asked = set(_WORD.findall(messages[-1].text.lower()))
    return tuple(tool for tool in tools if share(tool.name, asked) >= MOST)


def share(name: str, asked: set[str]) -> float:
    """How much of a tool's name is `asked` for, 0.0 to 1.0."""
    words = [word for word in _WORD.findall(_HUMP.sub(" ", name).lower()) if word not in UNTOLD]
    return sum(any(same(word, other) for other in asked) for word in words) / len(words) if words else 0.0


def same(word: str, other: str) -> bool:
    """Whether two words differ in their ending alone: ``note`` and ``notes``, ``convert`` and ``converting``."""
    return (word.startswith(other) or other.startswith(word)) and abs(len(word) - len(other)) <= ENDING
