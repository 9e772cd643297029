"""OpenAI's completions, embeddings and rerank as a dialect."""

from __future__ import annotations

from functools import partial

from services.api.dialects.common.errors import Error, error_body
from services.api.dialects.dialect import Dialect
from services.api.dialects.openai.resources import ChatCompletions, TextCompletions
from services.api.dialects.openai.schemas import (
    ChatCompletion,
    ChatCompletionChunk,
    TextCompletion,
    TextCompletionChunk,
)
from services.api.dialects.openai.types import ChatRequest, CompletionRequest
from services.api.dialects.openai.vectors import (
    EmbeddingList,
    EmbeddingRequest,
    Embeddings,
    Ranking,
    Rerank,
    RerankRequest,
)
from services.api.http.endpoint import Endpoint, Operation

TAG = "Answers"

asked = partial(Operation, names_model=True, takes_slot=True)

ENDPOINTS = (
    Endpoint(
        "/v1/chat/completions",
        ChatCompletions,
        TAG,
        (
            asked(
                summary="A chat answer, whole or streamed.",
                request=ChatRequest,
                response=ChatCompletion,
                stream=ChatCompletionChunk,
                stream_end="[DONE]",
            ),
        ),
    ),
    Endpoint(
        "/v1/completions",
        TextCompletions,
        TAG,
        (
            asked(
                summary="Continues a raw prompt, without a chat template.",
                request=CompletionRequest,
                response=TextCompletion,
                stream=TextCompletionChunk,
                stream_end="[DONE]",
            ),
        ),
    ),
    Endpoint(
        "/v1/embeddings",
        Embeddings,
        TAG,
        (asked(summary="A vector for each text.", request=EmbeddingRequest, response=EmbeddingList),),
    ),
    Endpoint(
        "/v1/rerank",
        Rerank,
        TAG,
        (asked(summary="Texts by how near they are to a question.", request=RerankRequest, response=Ranking),),
    ),
)

OPENAI = Dialect(endpoints=ENDPOINTS, prefixes=("/",), error_body=error_body, error=Error)
"""Its prefix is every path's: whatever no other dialect claims is answered in its shape."""
