"""What can be set about the pipeline, and what it must know about the model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RagSettings:
    """Settings of the same names hold the defaults of a server."""

    rag_enabled: bool = True
    rag_min_quality_score: float = 2
    """Percent of the best passage's score below which a passage is not shown."""
    rag_max_paragraphs: int = 40
    """Passages at most; the token budget usually ends sooner."""
    rag_quality_floor_threshold: float = 3
    """Tenths of a question that the sources must cover; below that they are dropped. 0 never drops them."""
    rag_dedup_similarity: float = 0.7
    """Share of a passage's word triples already shown from which on it is a duplicate."""
    rag_max_prefill_seconds: float = 20
    """Seconds that reading the prompt may take; 0 for no limit."""
    disable_think_for_rag_below_ctx: int = 8192
    """Context length below which thinking is switched off while sources are used."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the budget depends on."""

    context_length: int
    answer_tokens: int = 1024
    """Room that is kept for the answer."""
    prefill_speed: float | None = None
    """Tokens a second that the model reads, where it has been measured."""
    rag_tokens: int | None = None
    """Tokens of sources that the model makes sense of, where that is known."""
