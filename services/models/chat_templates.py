"""Read the chat template of a model, as its engine will render it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from services.core.owner_files import is_passing, read_bounded
from services.models import gguf

LIMIT = 4 * 1024 * 1024
"""Bytes of a template, or of the settings of a tokenizer with one in it; both have kilobytes."""


def read_template(path: Path) -> str:
    """Return the chat template that the engine renders for the model at `path`; empty if none can be read.

    Raises `OSError` where the disk fails.
    """
    try:
        return gguf.chat_template(path) if gguf.named_gguf(path) else read_folder(path.parent)
    except (gguf.NotGguf, ValueError, RecursionError):
        return ""
    except OSError as error:
        if is_passing(error):
            raise
        return ""


def read_folder(folder: Path) -> str:
    """Return the chat template in `folder`, beside a model file that is no GGUF.

    It is empty without a tokenizer, since an engine needs the tokenizer to render it. Raises `OSError`, `ValueError`,
    and `RecursionError` for JSON that is nested too deeply.
    """
    if not (folder / "tokenizer.json").exists():
        return ""
    file = folder / "chat_template.jinja"
    if file.exists():
        return read_bounded(file, LIMIT).decode()
    config = msgspec.json.decode(read_bounded(folder / "tokenizer_config.json", LIMIT))
    found = config.get("chat_template") if isinstance(config, dict) else ""
    # Some models have several templates by name; chats use the default.
    if isinstance(found, list):
        named = (entry for entry in found if isinstance(entry, dict) and entry.get("name") == "default")
        found = next(named, {}).get("template")
    return found if isinstance(found, str) else ""
