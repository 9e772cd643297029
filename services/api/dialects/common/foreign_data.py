"""Know the parameters that are foreign to a path for vectors, scores or tokens: of the others, and of other servers.

They change what comes out, so a path names each that it does not define.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from services.api.dialects.common.foreign_fields import EMPTY, OFF, ON, UNSET
from services.api.dialects.common.parameters import NeutralValues, requested, without_own

IGNORED: NeutralValues = {
    **dict.fromkeys((
        "content", "documents", "extra_body", "functions", "images", "input", "input_type", "instruction",
        "instructions", "messages", "options", "pooling", "prompt", "prompt_name", "query", "system", "task", "text",
        "texts", "tools",
    ), EMPTY),
    **dict.fromkeys((
        "late_chunking", "raw_scores", "return_documents", "return_embeddings", "return_text", "skip_special_tokens",
        "truncation", "with_pieces",
    ), OFF),
    **dict.fromkeys(("add_special", "add_special_tokens", "normalize", "parse_special"), ON),
    **dict.fromkeys((
        "activation", "dimensions", "max_chunks_per_doc", "max_length", "max_tokens_per_doc", "overlap_tokens",
        "rank_fields", "top_k", "top_n", "truncate_prompt_tokens",
    ), UNSET),
    "embd_normalize": (None, 2),
    "embedding_types": (None, [], ["float"]),
    "encoding_format": (None, "float"),
    "output_dtype": (None, "float"),
    "truncate": (None, False, "NONE"),
}  # fmt: skip
"""The parameters, each with the values that ask for nothing; another value is named in the warning."""


class ForeignData(Struct, kw_only=True):
    """Parameters without effect. A path that has one of such a name defines the field again."""

    activation: Any = None
    add_special: Any = None
    add_special_tokens: Any = None
    content: Any = None
    dimensions: Any = None
    documents: Any = None
    embd_normalize: Any = None
    embedding_types: Any = None
    encoding_format: Any = None
    extra_body: Any = None
    functions: Any = None
    images: Any = None
    input: Any = None
    input_type: Any = None
    instruction: Any = None
    instructions: Any = None
    late_chunking: Any = None
    max_chunks_per_doc: Any = None
    max_length: Any = None
    max_tokens_per_doc: Any = None
    messages: Any = None
    normalize: Any = None
    options: Any = None
    output_dtype: Any = None
    overlap_tokens: Any = None
    parse_special: Any = None
    pooling: Any = None
    prompt: Any = None
    prompt_name: Any = None
    query: Any = None
    rank_fields: Any = None
    raw_scores: Any = None
    return_documents: Any = None
    return_embeddings: Any = None
    return_text: Any = None
    skip_special_tokens: Any = None
    system: Any = None
    task: Any = None
    text: Any = None
    texts: Any = None
    tools: Any = None
    top_k: Any = None
    top_n: Any = None
    truncate: Any = None
    truncate_prompt_tokens: Any = None
    truncation: Any = None
    with_pieces: Any = None


def ignored(request: ForeignData) -> list[str]:
    """Return the names of foreign parameters with which `request` asks for what its path does not do."""
    return requested(request, without_own(IGNORED, type(request), ForeignData))
