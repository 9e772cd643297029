"""What the server answers where vectors, scores or tokens are asked for, typed; see schemas.py."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from services.api.dialects.openai.schemas import Count, Exact


class ReadTokens(Exact):
    """Nothing is written, so both numbers are the same."""

    prompt_tokens: Count
    total_tokens: Count


class Embedding(Exact):
    object: Literal["embedding"]
    index: Count
    embedding: list[float] | str
    """Numbers, or with ``encoding_format: base64`` their bytes."""


class EmbeddingList(Exact):
    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: ReadTokens


class RankedText(Exact):
    text: str


class Ranked(Exact):
    index: Count
    relevance_score: float
    document: RankedText | UnsetType = UNSET


class Ranking(Exact):
    id: str
    model: str
    results: list[Ranked]
    usage: ReadTokens


class Tokens(Exact):
    count: Count
    max_model_len: Count
    tokens: list[int]
    token_strs: list[str] | None


class Detokenized(Exact):
    prompt: str
