"""``/v1/embeddings`` in OpenAI's shape and ``/v1/rerank`` in Cohere's and Jina's."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import falcon
from msgspec import UNSET, Meta, Struct, UnsetType

from services.answering.vectors import Input, embed, score, with_dimensions
from services.api.dialects.common.bounds import Natural, Positive
from services.api.dialects.common.content import clean
from services.api.dialects.common.parameters import Idle, asking
from services.api.dialects.common.schema import AnswerStruct, Count
from services.api.http.context import client
from services.api.http.notices import finished, show
from services.api.http.resource import Resource
from services.api.http.stream import write_json
from services.chat.vectors import base64_floats, ranked_indices
from services.core.errors import BadRequest
from services.core.events import Usage
from services.core.model import Model

MOST_TEXTS = 2048
"""Of one request, as OpenAI has it."""


class EmbeddingRequest(Struct, kw_only=True):
    """``POST /v1/embeddings``."""

    input: str | list[str | Natural | list[Natural]]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Positive | None = None
    user: str | None = None


class Document(Struct):
    """A text to rank."""

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


IGNORED: Idle = {"rank_fields": (None,), "max_chunks_per_doc": (None,), "max_tokens_per_doc": (None,)}
"""Parameters of a `RerankRequest` without effect; any value but null is named in the warning."""


class ReadTokens(AnswerStruct):
    """Nothing is written, so both numbers are the same."""

    prompt_tokens: Count
    total_tokens: Count


class Embedding(AnswerStruct):
    object: Literal["embedding"]
    index: Count
    embedding: list[float] | str
    """Numbers, or with ``encoding_format: base64`` their bytes."""


class EmbeddingList(AnswerStruct):
    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: ReadTokens


class RankedText(AnswerStruct):
    text: str


class Ranked(AnswerStruct):
    index: Count
    relevance_score: float
    document: RankedText | UnsetType = UNSET


class Ranking(AnswerStruct):
    id: str
    model: str
    results: list[Ranked]
    usage: ReadTokens


class Embeddings(Resource):
    """``POST /v1/embeddings``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with a vector for each text."""
        request = self.parse(req, EmbeddingRequest)
        model = self._service.model(request.model, "embedding")
        work = embed(self._service, model, inputs(request.input), client(req))
        vectors, usage = finished(resp, work)
        encode = base64_floats if request.encoding_format == "base64" else list
        data = [
            Embedding(object="embedding", index=index, embedding=encode(vector))
            for index, vector in enumerate(with_dimensions(vectors, request.dimensions, model))
        ]
        write_json(resp, EmbeddingList(object="list", data=data, model=model.id, usage=read_tokens(usage)))


class Rerank(Resource):
    """``POST /v1/rerank``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the documents by how near they are to the query."""
        request = self.parse(req, RerankRequest)
        model = self._model(request.model)
        for notice in self._service.warnings(asking(request, IGNORED)):
            show(resp, notice)
        documents = [text_of(document, f"documents[{i}]") for i, document in enumerate(request.documents)]
        work = score(self._service, model, filled(request.query, "query"), documents, client(req))
        scores, usage = finished(resp, work)
        results = [
            Ranked(
                index=index,
                relevance_score=scores[index],
                document=RankedText(text=documents[index]) if request.return_documents else UNSET,
            )
            for index in ranked_indices(scores, request.top_n)
        ]
        write_json(
            resp,
            Ranking(id=f"rerank-{req.context.id}", model=model.id, results=results, usage=read_tokens(usage)),
        )

    def _model(self, name: str | None) -> Model:
        """Return a model made for it where there is one, else one whose embeddings can be compared."""
        able = any("rerank" in model.capabilities for model in self._service.catalog.models())
        return self._service.model(name, "rerank" if able else "embedding")


def inputs(given: str | list[Any]) -> list[Input]:
    """Return the texts of a request; a list of numbers is one text, as tokens. Raises `BadRequest`."""
    if isinstance(given, str):
        return [filled(given, "input")]
    if not given:
        raise BadRequest("The list of inputs is empty; send at least one text.", param="input")
    if all(isinstance(item, int) for item in given):
        return [tuple(given)]
    if len(given) > MOST_TEXTS:
        raise BadRequest(f"The input has {len(given)} texts; send at most {MOST_TEXTS} at once.", param="input")
    return [one_input(item, f"input[{index}]") for index, item in enumerate(given)]


def one_input(item: str | int | list[int], where: str) -> Input:
    """Return one text of a list of them. Raises `BadRequest`."""
    if isinstance(item, int):
        raise BadRequest(f"{where} is a number among texts; send texts, or tokens alone.", param="input")
    if isinstance(item, str):
        return filled(item, where)
    if not item:
        raise BadRequest(f"{where} is empty; send at least one token.", param="input")
    return tuple(item)


def text_of(document: str | Document, where: str) -> str:
    """Return the text of a document. Raises `BadRequest`."""
    return filled(document if isinstance(document, str) else document.text, where)


def filled(text: str, where: str) -> str:
    """Return text that a vector can be made of. Raises `BadRequest`."""
    if not text:
        raise BadRequest(f"{where} is empty; send at least one character.", param=where)
    return clean(text, where)


def read_tokens(usage: Usage) -> ReadTokens:
    """Return the counts of a request that writes nothing."""
    return ReadTokens(prompt_tokens=usage.prompt_tokens, total_tokens=usage.prompt_tokens)
