"""Compute embeddings and relevance scores of many texts, in several runs, so that chats get the slot in between."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from services.answering.plan import data_request
from services.answering.service import Service
from services.chat.vectors import cosine, shorten_vector
from services.core.client import Client
from services.core.errors import BadRequest, ContextOverflow, TextTooLong
from services.core.events import Notice, Usage
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest

PORTION = 32
"""Texts per run."""

Input = str | tuple[int, ...]
"""A text, or the ids of its tokens."""

Vector = list[float]


def embed(
    service: Service, model: Model, texts: Sequence[Input], client: Client, keep_alive: float | None = None
) -> Generator[Notice, None, tuple[list[Vector], Usage]]:
    """Return the embedding of each text, with the length 1, and the usage; yield notices.

    The model stays loaded for `keep_alive` seconds afterwards. Blocks. Raises `TextTooLong`, `BadRequest` if the model
    makes no embeddings, and what `Service.data` raises.
    """
    request = data_request("embedding", model, (), client.trace.id, "embedding")
    request = replace(request, generation=GenerationRequest(keep_alive=keep_alive))
    return (yield from run_in_portions(service, request, texts, client))


def score_documents(
    service: Service, model: Model, query: str, documents: Sequence[str], client: Client
) -> Generator[Notice, None, tuple[list[float], Usage]]:
    """Return how relevant each document is to the query (higher is more), and the usage. Yields and raises as `embed`.

    A reranker gives its own scores; from an embedding model they are cosines, from -1 to 1.
    """
    if "rerank" in model.capabilities:
        request = data_request("rerank", model, (query,), client.trace.id, "rerank")
        return (yield from run_in_portions(service, request, documents, client))
    (query_vector, *vectors), usage = yield from embed(service, model, [query, *documents], client)
    return [cosine(query_vector, vector) for vector in vectors], usage


def run_in_portions(
    service: Service, request: EngineRequest, texts: Sequence[Input], client: Client
) -> Generator[Notice, None, tuple[list[Any], Usage]]:
    """Return the data about all `texts`, `PORTION` of them per run, and the usage; yield notices.

    The inputs of `request` come first in every run: they are the query.
    """
    results: list[Any] = []
    usage = Usage()
    for start in range(0, len(texts), PORTION):
        portion = texts[start : start + PORTION]
        # Only the last run may unload the model (keep_alive: 0).
        last = start + PORTION >= len(texts)
        try:
            values, took = yield from service.data(
                replace(
                    request,
                    inputs=(*request.inputs, *portion),
                    prompt_tokens_estimate=sum(map(len, portion)),
                    generation=request.generation if last else GenerationRequest(),
                ),
                client,
            )
        except ContextOverflow as error:
            raise TextTooLong(error.prompt_tokens, error.context_length) from error
        results += values
        usage += took
    return results, usage


def with_dimensions(vectors: list[Vector], dimensions: int | None, model: Model) -> list[Vector]:
    """Return the vectors with `dimensions` numbers each; None leaves them as they are.

    Raises `BadRequest` if the model has no such embeddings.
    """
    size = len(vectors[0])
    if dimensions is None or dimensions == size:
        return vectors
    if dimensions > size or not model.matryoshka:
        able = f"{size} or fewer dimensions" if model.matryoshka else f"{size} dimensions only"
        raise BadRequest(
            f"The model {model.id!r} makes embeddings of {able}; the request asks for {dimensions}. Ask for others, or "
            "leave dimensions out.",
            param="dimensions",
        )
    return [shorten_vector(vector, dimensions) for vector in vectors]
