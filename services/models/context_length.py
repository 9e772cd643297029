"""Find the context length of a model whose ``model.yaml`` does not set it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from services.models import gguf

LENGTH = re.compile(r"(?<![^-_. ])(\d{1,4})k(?![^-_. ])")
"""A context length as a token of its own: ``-4k``, ``_16K``; not the 2k of ``qwen-2kids``."""


def of(path: Path, metadata: dict[str, gguf.Value], default: int, maximum: int) -> int:
    """Return the context length in tokens: from the names, else from the file up to `maximum`, else `default`."""
    named = named_length([path.stem, path.parent.name])
    trained = gguf.context_length(metadata)
    if named and trained:
        # A name may promise more than the model was trained for.
        return min(named, trained)
    return named or (min(trained, maximum) if trained else default)


def named_length(names: Iterable[str]) -> int | None:
    """Return the context length in tokens in the first of `names` that has one; of several in a name, the last."""
    for name in names:
        if lengths := LENGTH.findall(name.lower()):
            return int(lengths[-1]) * 1024 or None
    return None
