"""Describe one model on disk, as all code above the catalogue sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

OFF = "off"
"""`Model.tools` of a model that shall call no tools."""

REQUIRED_ONLY = "required_only"
"""`Model.tools` of a model that calls no tool by itself, but writes a call that a request demands."""


THINKING = ("enable_thinking", "<think>", "reasoning_content")
"""Words in chat templates of models that can think."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model and its settings. Two are equal if an engine that loaded one can serve the other; names do not matter."""

    id: str
    path: Path
    """The model file; for a model in several files, the first one."""
    engine: str
    """The name of an `engines.base.EngineSpec`."""
    context_length: int
    """Tokens of prompt and answer together."""
    created: int
    """Time of the file's last change, in seconds since 1970."""
    size_bytes: int
    """Bytes of all its files together."""
    aliases: tuple[str, ...] = field(default=(), compare=False)
    name: str = field(default="", compare=False)
    description: str = field(default="", compare=False)
    capabilities: frozenset[str] = frozenset({"chat", "completion"})
    """Some of ``chat``, ``completion``, ``embedding``, ``rerank``."""
    pooling: str = ""
    """How the vectors of the tokens become one embedding: ``mean``, ``cls``, ``last``; empty: as the file says."""
    matryoshka: bool = False
    """Whether the first numbers of an embedding are an embedding too, so that clients may request fewer dimensions."""
    sampling: tuple[tuple[str, float], ...] = ()
    """Defaults for what a request leaves open: pairs of a `Sampling` field, or ``max_tokens``, and its value."""
    runtime: str = ""
    """Release of librkllmrt that the model needs (``1.2.3``); empty for any. Used by the engine ``rkllm`` only."""
    system_prompt: str = ""
    """The system prompt of requests that have none."""
    rag: bool = True
    """Whether sources in a prompt are cleaned and selected for this model."""
    rag_tokens: int | None = None
    """Tokens of sources that the model can use well; None: as many as fit."""
    thinking: bool | None = None
    """Default of the template's thinking switch; None leaves it to the template."""
    tools: str = field(default="", compare=False)
    """How it writes calls of tools: a name of `chat.tools.families.BY_NAME`, `OFF`, `REQUIRED_ONLY`; empty where its
    chat template decides."""
    chat_template: str = field(default="", compare=False, repr=False)
    """As its engine renders it; empty where it has none."""
    opens_reasoning: bool = False
    """Whether the template inside an ``.rkllm`` file opens the reasoning, so that answers begin inside it."""
    beside: tuple[tuple[str, int, int], ...] = ()
    """Tokenizer and template beside a file that is no GGUF: name, time of change in nanoseconds, size in bytes."""

    @property
    def can_think(self) -> bool:
        """Return whether the model can think, by its settings and its chat template."""
        return self.thinking is not None or any(word in self.chat_template for word in THINKING)
