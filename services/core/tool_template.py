"""What a model's chat template tells of tools: whether it knows them, and how its model writes calls. Pure."""

from __future__ import annotations

import re

MARKS = (
    ("hermes", "<tool_call>"),
    ("mistral", "[TOOL_CALLS]"),
    ("llama", "<|python_tag|>"),
    ("llama", '"parameters": dictionary'),
)
"""What templates of each family write out; the first one found decides."""

OTHER = "json"
"""For templates of no known family, and where there is none."""

_TOOLS = re.compile(r"\{%-?[^%]*\btools\b")
"""A statement that reads ``tools``: a template that only mentions the word in a text does not know them."""


def knows_tools(template: str) -> bool:
    return bool(_TOOLS.search(template)) and family(template) != OTHER


def family(template: str) -> str:
    return next((name for name, mark in MARKS if mark in template), OTHER)
