"""One model on disk, as everything above the catalogue sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Model:
    """Two models are equal when an engine that loaded one can serve the other: names do not count."""

    id: str
    path: Path
    """The model file; of a sharded one, the first part."""
    engine: str
    """A key of `engines.factory.ENGINES`."""
    context_length: int
    """Tokens, prompt and answer together."""
    created: int
    """Time of the file's last change, in seconds since 1970."""
    size_bytes: int
    """All parts together."""
    aliases: tuple[str, ...] = field(default=(), compare=False)
    name: str = field(default="", compare=False)
    description: str = field(default="", compare=False)
    capabilities: frozenset[str] = frozenset({"chat", "completion"})
    """Among ``chat``, ``completion``, ``embedding``, ``rerank``."""
    pooling: str = ""
    """How an embedding is made of the vectors of its tokens: ``mean``, ``cls``, ``last``; empty for the file's way."""
    matryoshka: bool = False
    """Whether the beginning of an embedding is an embedding too, so that it can be asked for in fewer dimensions."""
    sampling: tuple[tuple[str, float], ...] = ()
    """Defaults for requests that do not say: pairs of a `Sampling` field, or ``max_tokens``, and its value."""
    runtime: str = ""
    """Release of librkllmrt the model wants (``1.2.3``); empty for any. For the engine ``rkllm`` alone."""
    system_prompt: str = ""
    """For requests that bring none."""
    rag: bool = True
    """Whether sources in a prompt are cleaned and selected for it."""
    rag_tokens: int | None = None
    """Tokens of sources that it makes sense of; None for as many as fit."""
    thinking: bool | None = None
    """Default of the template's thinking switch; None leaves it to the template."""
    tools: str = field(default="json", compare=False)
    """How it writes calls of tools: a key of `chat.tools.scan.FAMILIES`, or ``off`` for one that shall not."""
    tools_template: bool = field(default=False, compare=False)
    """Whether its chat template knows tools, calls and their results."""
    opens_reasoning: bool = False
    """Whether the template inside an ``.rkllm`` file begins the reasoning, so that answers begin inside it."""
    beside: tuple[tuple[str, int, int], ...] = ()
    """Tokenizer and template beside an ``.rkllm`` file: name, time of change in nanoseconds, size in bytes."""
