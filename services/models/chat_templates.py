"""Find a model's chat template, and from it whether it renders tools and in which format the model writes calls."""

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
"""As `OTHER`, for a model that is too small to decide on a call: the server decides from the question's words."""

OFF = "off"
"""For a model that must not call tools."""

_TOOLS = re.compile(r"\{%-?[^%]*\btools\b")
"""A statement that reads the variable ``tools``; the word in a template's plain text does not count."""


def of(path: Path) -> str:
    """Return the chat template that the engine renders for the model at `path`; empty where none can be read."""
    try:
        return gguf.chat_template(path) if path.suffix.lower() == ".gguf" else beside(path.parent)
    except (gguf.NotGguf, OSError, ValueError):
        return ""


def beside(folder: Path) -> str:
    """Return the template in `folder`; empty without a tokenizer, since the NPU engine then does not render it.

    Raises `OSError` and `ValueError`.
    """
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
    """Return whether `template` renders the tools of a request, in the format of a known family."""
    return bool(_TOOLS.search(template)) and family(template) != OTHER


def family(template: str) -> str:
    """Return the family of the call format that `template` shows, `OTHER` for none."""
    return next((name for name, mark in MARKS if mark in template), OTHER)
