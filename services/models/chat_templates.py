"""What a model's chat template tells of tools: whether it knows them, and how its model writes calls."""

from __future__ import annotations

import json
import re
from pathlib import Path

from services.models import gguf

MARKS = (
    ("hermes", "<tool_call>"),
    ("mistral", "[TOOL_CALLS]"),
    ("llama", "<|python_tag|>"),
    ("llama", '"parameters": dictionary of argument name and its value'),
)
"""What templates of each family write out; the first one found decides."""

OTHER = "json"
"""For templates of no known family, and where there is none: tools come into the prompt as plain text."""

WORDS = "words"
"""As `OTHER`, of a model that calls nothing by itself: the server decides."""

OFF = "off"
"""For a model that shall call nothing."""

_TOOLS = re.compile(r"\{%-?[^%]*\btools\b")
"""A statement that reads ``tools``: a template that only has the word in a text does not know them."""


def of(path: Path) -> str:
    """The chat template of the model at `path` as its engine will render it, empty where it has none."""
    try:
        return gguf.chat_template(path) if path.suffix.lower() == ".gguf" else beside(path.parent)
    except (gguf.NotGguf, OSError, ValueError):
        return ""


def beside(folder: Path) -> str:
    """The template in `folder`, empty without a tokenizer to use it with. Raises `OSError` and `ValueError`."""
    if not (folder / "tokenizer.json").exists():
        return ""
    file = folder / "chat_template.jinja"
    if file.exists():
        return file.read_text()
    config = json.loads((folder / "tokenizer_config.json").read_text())
    found = config.get("chat_template") if isinstance(config, dict) else ""
    if isinstance(found, list):
        named = {entry.get("name"): entry.get("template") for entry in found if isinstance(entry, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else ""


def knows_tools(template: str) -> bool:
    return bool(_TOOLS.search(template)) and family(template) != OTHER


def family(template: str) -> str:
    return next((name for name, mark in MARKS if mark in template), OTHER)
