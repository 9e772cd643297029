"""Declare OpenAI's dialect: its paths, what each of them takes and answers, and its errors."""

from __future__ import annotations

from services.api.dialects.common.errors import Error, error_body
from services.api.dialects.dialect import Dialect
from services.api.dialects.openai.resources import ChatCompletions, TextCompletions
from services.api.dialects.openai.schemas import (
    ChatCompletion,
    ChatCompletionChunk,
    EmbeddingList,
    RerankAnswer,
    TextCompletion,
    TextCompletionChunk,
)
from services.api.dialects.openai.types import ChatRequest, CompletionRequest, EmbeddingRequest, RerankRequest
from services.api.dialects.openai.vectors import Embeddings, Rerank
from services.api.http.endpoint import MIB, Endpoint, model_run

TAG = "Answers"

RERANK = model_run(
    summary="Texts by how near they are to a question.", request=RerankRequest, response=RerankAnswer, max_bytes=8 * MIB
)

ENDPOINTS = (
    Endpoint(
        "/v1/chat/completions",
        ChatCompletions,
        TAG,
        (
            model_run(
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
            model_run(
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
        (
            model_run(
                summary="A vector for each text.",
                request=EmbeddingRequest,
                response=EmbeddingList,
                max_bytes=8 * MIB,
            ),
        ),
    ),
    *(Endpoint(path, Rerank, TAG, (RERANK,)) for path in ("/v1/rerank", "/v1/reranking", "/v1/reranker")),
)

OPENAI = Dialect(endpoints=ENDPOINTS, prefixes=("/",), error_body=error_body, error=Error)
"""Its prefix is every path's: whatever no other dialect claims is answered in its shape."""
