"""``/v1/embeddings`` in OpenAI's shape and ``/v1/rerank`` in Cohere's and Jina's: texts to vectors and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import falcon
from msgspec import Meta, Struct

from services.answering.plan import data_request
from services.answering.service import Service
from services.api.dialects.common.content import clean
from services.api.http.stream import write_json
from services.chat.vectors import best, cosine, packed, shortened
from services.core.errors import BadRequest, ContextOverflow, TextTooLong
from services.core.events import Usage
from services.core.model import Model
from services.core.request import EngineRequest

MOST_TEXTS = 2048
"""Of one request, as OpenAI has it."""

PORTION = 32
"""Texts in one run."""

Token = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Input = str | tuple[int, ...]


class EmbeddingRequest(Struct, kw_only=True):
    """``POST /v1/embeddings``."""

    input: str | list[str | Token | list[Token]]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Positive | None = None
    user: str | None = None


class Document(Struct):
    text: str


class RerankRequest(Struct, kw_only=True):
    """``POST /v1/rerank``."""

    query: str
    documents: Annotated[list[str | Document], Meta(min_length=1, max_length=MOST_TEXTS)]
    model: str | None = None
    top_n: Positive | None = None
    return_documents: bool | None = None
    rank_fields: list[str] | None = None
    max_chunks_per_doc: int | None = None
    max_tokens_per_doc: int | None = None


IGNORED = ("rank_fields", "max_chunks_per_doc", "max_tokens_per_doc")
"""Parameters of a `RerankRequest` without effect; any value but null is named in the warning."""


class Embeddings:
    def __init__(self, service: Service) -> None:
        self._service = service

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, EmbeddingRequest)
        model = self._service.model(request.model, "embedding")
        vectors, usage = embedded(self._service, req, resp, model, inputs(request.input))
        vectors = cut(vectors, request.dimensions, model)
        encode = packed if request.encoding_format == "base64" else list
        data = [
            {"object": "embedding", "index": index, "embedding": encode(vector)} for index, vector in enumerate(vectors)
        ]
        write_json(resp, {"object": "list", "data": data, "model": model.id, "usage": counted(usage)})


class Rerank:
    def __init__(self, service: Service) -> None:
        self._service = service

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, RerankRequest)
        model = self._model(request.model)
        self._service.warn(resp, [name for name in IGNORED if getattr(request, name) is not None])
        documents = [text_of(document, f"documents[{i}]") for i, document in enumerate(request.documents)]
        scores, usage = self._scores(req, resp, model, filled(request.query, "query"), documents)
        results: list[dict[str, Any]] = [
            {"index": index, "relevance_score": scores[index]} for index in best(scores, request.top_n)
        ]
        if request.return_documents:
            results = [{**result, "document": {"text": documents[result["index"]]}} for result in results]
        head = {"id": f"rerank-{req.context.id}", "model": model.id}
        write_json(resp, {**head, "results": results, "usage": counted(usage)})

    def _model(self, name: str | None) -> Model:
        """Made for it where there is one, else one whose embeddings can be compared."""
        able = any("rerank" in model.capabilities for model in self._service.catalog.models())
        return self._service.model(name, "rerank" if able else "embedding")

    def _scores(
        self, req: falcon.Request, resp: falcon.Response, model: Model, query: str, documents: list[str]
    ) -> tuple[list[float], Usage]:
        """The higher, the nearer; from a model that makes embeddings, their cosines."""
        if "rerank" in model.capabilities:
            job = data_request("rerank", model, (query,), req.context.id, "rerank")
            return in_portions(self._service, req, resp, job, documents)
        (asked, *vectors), usage = embedded(self._service, req, resp, model, [query, *documents])
        return [cosine(asked, vector) for vector in vectors], usage


def embedded(
    service: Service,
    req: falcon.Request,
    resp: falcon.Response,
    model: Model,
    texts: Sequence[Input],
    keep: float | None = None,
) -> tuple[list[list[float]], Usage]:
    """The embedding of each text, of the length 1, and what they took; the model then stays for `keep` seconds.

    Blocks. Raises `TextTooLong`, `BadRequest` where the model makes no embeddings, and what `Service.data` raises.
    """
    job = replace(data_request("embedding", model, (), req.context.id, "embedding"), keep_alive=keep)
    return in_portions(service, req, resp, job, texts)


def in_portions(
    service: Service, req: falcon.Request, resp: falcon.Response, job: EngineRequest, texts: Sequence[Input]
) -> tuple[list[Any], Usage]:
    """The data about all `texts`, some at a time behind the inputs of `job`: chats have their turns in between."""
    found: list[Any] = []
    usage = Usage()
    for start in range(0, len(texts), PORTION):
        last = start + PORTION >= len(texts)
        portion = replace(
            job,
            inputs=(*job.inputs, *texts[start : start + PORTION]),
            prompt_tokens_estimate=sum(map(len, texts[start : start + PORTION])),
            keep_alive=job.keep_alive if last else None,
        )
        try:
            values, took = service.data(req, resp, portion)
        except ContextOverflow as error:
            raise TextTooLong(error.prompt_tokens, error.context_length) from error
        found += values
        usage += took
    return found, usage


def inputs(given: str | list[Any]) -> list[Input]:
    """The texts of a request; a list of numbers is one text, as tokens. Raises `BadRequest`."""
    if isinstance(given, str):
        return [filled(given, "input")]
    if not given:
        raise BadRequest("The list of inputs is empty; send at least one text.", param="input")
    if all(isinstance(item, int) for item in given):
        return [tuple(given)]
    if len(given) > MOST_TEXTS:
        raise BadRequest(f"The input has {len(given)} texts; send at most {MOST_TEXTS} at once.", param="input")
    return [one(item, f"input[{index}]") for index, item in enumerate(given)]


def one(item: str | int | list[int], where: str) -> Input:
    if isinstance(item, int):
        raise BadRequest(f"{where} is a number among texts; send texts, or tokens alone.", param="input")
    if isinstance(item, str):
        return filled(item, where)
    if not item:
        raise BadRequest(f"{where} is empty; send at least one token.", param="input")
    return tuple(item)


def text_of(document: str | Document, where: str) -> str:
    return filled(document if isinstance(document, str) else document.text, where)


def filled(text: str, where: str) -> str:
    """Text that a vector can be made of."""
    if not text:
        raise BadRequest(f"{where} is empty; send at least one character.", param=where)
    return clean(text, where)


def cut(vectors: list[list[float]], dimensions: int | None, model: Model) -> list[list[float]]:
    """In as many dimensions as were asked for. Raises `BadRequest` where the model has no such embeddings."""
    size = len(vectors[0])
    if dimensions is None or dimensions == size:
        return vectors
    if dimensions > size or not model.matryoshka:
        able = f"{size} or fewer dimensions" if model.matryoshka else f"{size} dimensions only"
        raise BadRequest(f"The model {model.id!r} makes embeddings of {able}.", param="dimensions")
    return [shortened(vector, dimensions) for vector in vectors]


def counted(usage: Usage) -> dict[str, int]:
    return {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens}
