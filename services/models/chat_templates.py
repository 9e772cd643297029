"""Read the chat template of a model, as its engine will render it."""

from __future__ import annotations

import json
from pathlib import Path

from services.models import gguf


def read_template(path: Path) -> str:
    """Return the chat template that the engine renders for the model at `path`; empty if none can be read."""
    try:
        return gguf.chat_template(path) if gguf.named_gguf(path) else read_folder(path.parent)
    except (gguf.NotGguf, OSError, ValueError):
        return ""


def read_folder(folder: Path) -> str:
    """Return the chat template in `folder`, beside a model file that is no GGUF. Raises `OSError` and `ValueError`.

    It is empty without a tokenizer, since an engine needs the tokenizer to render it.
    """
    if not (folder / "tokenizer.json").exists():
        return ""
    file = folder / "chat_template.jinja"
    if file.exists():
        return file.read_text()
    config = json.loads((folder / "tokenizer_config.json").read_text())
    found = config.get("chat_template") if isinstance(config, dict) else ""
    # Some models have several templates by name; chats use the default.
    if isinstance(found, list):
        named = {entry.get("name"): entry.get("template") for entry in found if isinstance(entry, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else ""
