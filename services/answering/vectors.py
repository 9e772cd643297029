"""Compute embeddings and relevance scores of many texts, in several runs, so that chats get the slot in between."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

from services.answering.plan import data_request
from services.answering.service import Service
from services.chat.tokens import TOKEN_BYTES, size
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

RunPortion = Callable[
    [Service, EngineRequest, Sequence[Input], Client], Generator[Notice, None, tuple[list[Any], Usage]]
]
"""Returns the data about some texts, in their order, and the usage."""

USUAL_TOKEN = 64
"""Characters of a token, and more than those of a text have on average: more of a long text is not worth a try."""


def embed(
    service: Service,
    model: Model,
    texts: Sequence[Input],
    client: Client,
    *,
    keep_alive: float | None = None,
    truncate: bool = False,
) -> Generator[Notice, None, tuple[list[Vector], Usage]]:
    """Return the embedding of each text, with the length 1, and the usage; yield notices.

    The model stays loaded for `keep_alive` seconds afterwards, if the client has admin rights. With `truncate`, texts
    that are too long are cut, and a notice says how many. Blocks. Raises `TextTooLong`, `BadRequest` if the model makes
    no embeddings, and what `Service.data` raises.
    """
    request = data_request("embedding", model, (), client.trace.id, "embedding")
    request = replace(request, generation=GenerationRequest(keep_alive=keep_alive))
    yield from service.time_warnings(keep_alive, client)
    if not truncate:
        return (yield from run_in_portions(service, request, texts, client, run_portion))
    cutter = Cutter()
    found = yield from run_in_portions(service, request, texts, client, cutter.run)
    if cutter.count:
        yield Notice("warning", f"truncated: {cutter.count} of {len(texts)} texts; see docs/api.md")
    return found


def score_documents(
    service: Service, model: Model, query: str, documents: Sequence[str], client: Client
) -> Generator[Notice, None, tuple[list[float], Usage]]:
    """Return how relevant each document is to the query (higher is more), and the usage. Yields and raises as `embed`.

    A reranker gives its own scores; from an embedding model they are cosines, from -1 to 1.
    """
    if "rerank" in model.capabilities:
        request = data_request("rerank", model, (query,), client.trace.id, "rerank")
        return (yield from run_in_portions(service, request, documents, client, run_portion))
    (query_vector, *vectors), usage = yield from embed(service, model, [query, *documents], client)
    return [cosine(query_vector, vector) for vector in vectors], usage


def run_in_portions(
    service: Service, request: EngineRequest, texts: Sequence[Input], client: Client, run: RunPortion
) -> Generator[Notice, None, tuple[list[Any], Usage]]:
    """Return the data about all `texts`, `PORTION` of them per `run`, and the usage; yield notices.

    The inputs of `request` come first in every run: they are the query.
    """
    results: list[Any] = []
    usage = Usage()
    for start in range(0, len(texts), PORTION):
        # Only the last run may unload the model (keep_alive: 0).
        last = start + PORTION >= len(texts)
        values, took = yield from run(
            service, request if last else staying(request), texts[start : start + PORTION], client
        )
        results += values
        usage += took
    return results, usage


def run_portion(
    service: Service, request: EngineRequest, portion: Sequence[Input], client: Client
) -> Generator[Notice, None, tuple[list[Any], Usage]]:
    """Return the data about a `portion` of texts, and the usage, from one run. Yields and raises as `embed` does."""
    inputs = (*request.inputs, *portion)
    check_lengths(inputs, request.model)
    try:
        return (
            yield from service.data(
                replace(request, inputs=inputs, prompt_tokens_estimate=sum(map(len, portion))), client
            )
        )
    except ContextOverflow as error:
        raise TextTooLong(error.prompt_tokens, error.context_length) from error


def check_lengths(texts: Sequence[Input], model: Model) -> None:
    """Check that each text may fit the model, before an engine reads megabytes. Raises `TextTooLong`."""
    fewest = max(size(text) // (1 if isinstance(text, tuple) else TOKEN_BYTES) for text in texts)
    if fewest > model.context_length:
        raise TextTooLong(fewest, model.context_length)


class Cutter:
    """Run portions as `run_portion`, with texts that are too long cut at their ends. It counts these."""

    def __init__(self) -> None:
        self.count = 0

    def run(
        self, service: Service, request: EngineRequest, portion: Sequence[Input], client: Client
    ) -> Generator[Notice, None, tuple[list[Any], Usage]]:
        """Return what `run_portion` returns. The engine's own words say how long a text is and may be."""
        try:
            return (yield from run_portion(service, request, portion, client))
        except TextTooLong as error:
            if len(portion) == 1:
                self.count += 1
                return (yield from self._run_cut(service, request, cut(portion[0], error), client))
        # An engine does not say which text of several is too long.
        half = len(portion) // 2
        first, used = yield from self.run(service, staying(request), portion[:half], client)
        second, more = yield from self.run(service, request, portion[half:], client)
        return first + second, used + more

    def _run_cut(
        self, service: Service, request: EngineRequest, text: Input, client: Client
    ) -> Generator[Notice, None, tuple[list[Any], Usage]]:
        while True:
            try:
                return (yield from run_portion(service, request, [text], client))
            except TextTooLong as error:
                text = cut(text, error)


def cut(text: Input, error: TextTooLong) -> Input:
    """Return the beginning of `text`, as long as `error` lets hope that it fits. Raises `error` where nothing is left.

    Tokens are not spread evenly, so a little is left out.
    """
    most = min(len(text) * error.most // max(error.tokens, 1), error.most * USUAL_TOKEN)
    shorter = text[: min(most * 19 // 20, len(text) - 1)]
    if not shorter:
        raise error
    return shorter


def staying(request: EngineRequest) -> EngineRequest:
    """Return `request` without a wish about how long the model stays loaded."""
    return replace(request, generation=GenerationRequest())


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
