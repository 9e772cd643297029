"""Define the settings of the pipeline, and the facts about a model that it needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RagSettings:
    """Settings of the pipeline. The server's settings of the same names give their values."""

    rag_enabled: bool = True
    """Whether sources are processed at all."""
    rag_min_quality_score: float = 2
    """Percentage of the best passage's score below which a passage is not shown."""
    rag_max_paragraphs: int = 40
    """Largest number of passages; the token budget usually ends sooner."""
    rag_quality_floor_threshold: float = 1
    """Tenths of the question that one place of the results of a search must cover, less what chance covers; otherwise
    they are dropped. 0 never drops them."""
    rag_dedup_similarity: float = 0.7
    """Share of a passage's word triples, 0 to 1, from which it counts as a duplicate if they were shown already."""
    rag_max_prefill_seconds: float = 20
    """Seconds that prefill may take; 0 for no limit."""
    disable_think_for_rag_below_ctx: int = 8192
    """Context length in tokens below which thinking is off while sources are used."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The facts that the budget depends on."""

    context_length: int
    """Tokens for prompt and answer together."""
    answer_tokens: int = 1024
    """Tokens reserved for the answer; at most a quarter of the context is reserved."""
    prefill_speed: float | None = None
    """Tokens per second, measured with the model's last answers; None before the first one."""
    rag_tokens: int | None = None
    """Tokens of sources that the model can use well, from its ``model.yaml``; None if not set."""
