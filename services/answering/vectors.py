"""Texts to embeddings and scores, in portions, so that chats get a slot in between."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from services.answering.plan import data_request
from services.answering.service import Service
from services.chat.vectors import cosine, shortened
from services.core.client import Client
from services.core.errors import BadRequest, ContextOverflow, TextTooLong
from services.core.events import Notice, Usage
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest

PORTION = 32
"""Texts in one run."""

Input = str | tuple[int, ...]
"""A text, or its tokens."""

Vector = list[float]


def embed(
    service: Service, model: Model, texts: Sequence[Input], client: Client, keep_alive: float | None = None
) -> Generator[Notice, None, tuple[list[Vector], Usage]]:
    """Return the embedding of each text, of the length 1, and what they took; yield notices.

    The model stays loaded for `keep_alive` seconds afterwards. Blocks. Raises `TextTooLong`, `BadRequest` where the
    model makes no embeddings, and what `Service.data` raises.
    """
    request = data_request("embedding", model, (), client.trace.id, "embedding")
    request = replace(request, generation=GenerationRequest(keep_alive=keep_alive))
    return (yield from in_portions(service, request, texts, client))


def score(
    service: Service, model: Model, query: str, documents: Sequence[str], client: Client
) -> Generator[Notice, None, tuple[list[float], Usage]]:
    """Return how near each document is to the query: the higher, the nearer. As `embed`.

    A model made for it gives its own scores; of one that makes embeddings they are the cosines, -1 to 1.
    """
    if "rerank" in model.capabilities:
        request = data_request("rerank", model, (query,), client.trace.id, "rerank")
        return (yield from in_portions(service, request, documents, client))
    (asked, *vectors), usage = yield from embed(service, model, [query, *documents], client)
    return [cosine(asked, vector) for vector in vectors], usage


def in_portions(
    service: Service, request: EngineRequest, texts: Sequence[Input], client: Client
) -> Generator[Notice, None, tuple[list[Any], Usage]]:
    """Return the data about all `texts`, which go behind the inputs of `request`, `PORTION` of them a run."""
    found: list[Any] = []
    usage = Usage()
    for start in range(0, len(texts), PORTION):
        portion = texts[start : start + PORTION]
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
        found += values
        usage += took
    return found, usage


def cut(vectors: list[Vector], dimensions: int | None, model: Model) -> list[Vector]:
    """Return the vectors in `dimensions`; None for as many as they have.

    Raises `BadRequest` where the model has no such embeddings.
    """
    size = len(vectors[0])
    if dimensions is None or dimensions == size:
        return vectors
    if dimensions > size or not model.matryoshka:
        able = f"{size} or fewer dimensions" if model.matryoshka else f"{size} dimensions only"
        raise BadRequest(f"The model {model.id!r} makes embeddings of {able}.", param="dimensions")
    return [shortened(vector, dimensions) for vector in vectors]
