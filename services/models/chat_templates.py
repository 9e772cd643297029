"""The chat template of a model, as its engine will render it."""

from __future__ import annotations

import json
from pathlib import Path

from services.models import gguf


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
