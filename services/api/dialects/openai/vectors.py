"""Serve ``/v1/embeddings`` in OpenAI's shape and ``/v1/rerank`` in Cohere's and Jina's."""

from __future__ import annotations

from typing import Any

import falcon
from msgspec import UNSET

from services.answering.vectors import Input, embed, score_documents, with_dimensions
from services.api.dialects.common import foreign_data
from services.api.dialects.common.content import clean
from services.api.dialects.openai.schemas import (
    Embedding,
    EmbeddingList,
    PromptUsage,
    RerankAnswer,
    RerankedDocument,
    RerankResult,
)
from services.api.dialects.openai.types import MAX_TEXTS, EmbeddingRequest, RerankDocument, RerankRequest
from services.api.http.context import client
from services.api.http.notices import run_to_end, show_notice
from services.api.http.resource import Resource
from services.api.http.stream import write_json
from services.chat.vectors import base64_floats, ranked_indices
from services.core.errors import BadRequest
from services.core.events import Usage
from services.core.model import Model


class Embeddings(Resource):
    """``POST /v1/embeddings``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with a vector for each text. Blocks; raises `ServiceError`."""
        request = self.parse(req, EmbeddingRequest)
        model = self._service.model(request.model, "embedding")
        for notice in self._service.warnings(foreign_data.ignored(request)):
            show_notice(resp, notice)
        work = embed(self._service, model, inputs(request.input), client(req))
        vectors, usage = run_to_end(resp, work)
        encode = base64_floats if request.encoding_format == "base64" else list
        data = [
            Embedding(object="embedding", index=index, embedding=encode(vector))
            for index, vector in enumerate(with_dimensions(vectors, request.dimensions, model))
        ]
        write_json(resp, EmbeddingList(object="list", data=data, model=model.id, usage=prompt_usage(usage)))


class Rerank(Resource):
    """``POST /v1/rerank``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the documents, the most relevant to the query first. Blocks; raises `ServiceError`."""
        request = self.parse(req, RerankRequest)
        model = self._model(request.model)
        for notice in self._service.warnings(foreign_data.ignored(request)):
            show_notice(resp, notice)
        documents = [text_of(document, f"documents[{i}]") for i, document in enumerate(request.documents)]
        work = score_documents(self._service, model, filled(request.query, "query"), documents, client(req))
        scores, usage = run_to_end(resp, work)
        results = [
            RerankResult(
                index=index,
                relevance_score=scores[index],
                document=RerankedDocument(text=documents[index]) if request.return_documents else UNSET,
            )
            for index in ranked_indices(scores, request.top_n)
        ]
        write_json(
            resp,
            RerankAnswer(id=f"rerank-{req.context.id}", model=model.id, results=results, usage=prompt_usage(usage)),
        )

    def _model(self, name: str | None) -> Model:
        """Return the model that a request names, else one made to rank, else one whose embeddings can be compared.

        Raises `ModelNotFound` and `BadRequest`.
        """
        able = any("rerank" in model.capabilities for model in self._service.catalog.models())
        return self._service.model(name, "rerank" if able else "embedding")


def inputs(given: str | list[Any]) -> list[Input]:
    """Return the texts of a request; a list of numbers is one text, as tokens. Raises `BadRequest`."""
    if isinstance(given, str):
        return [filled(given, "input")]
    if not given:
        raise BadRequest("The list of inputs is empty; send at least one text.", param="input")
    # As with OpenAI, a flat list of numbers is one text, and a list of lists is several.
    if all(isinstance(item, int) for item in given):
        return [tuple(given)]
    if len(given) > MAX_TEXTS:
        raise BadRequest(f"The input has {len(given)} texts; send at most {MAX_TEXTS} at once.", param="input")
    return [input_of(item, f"input[{index}]") for index, item in enumerate(given)]


def input_of(item: str | int | list[int], where: str) -> Input:
    """Return one text of a list of them. Raises `BadRequest`."""
    if isinstance(item, int):
        raise BadRequest(f"{where} is a token id among texts; send one kind alone.", param="input")
    if isinstance(item, str):
        return filled(item, where)
    if not item:
        raise BadRequest(f"{where} is empty; send at least one token.", param="input")
    return tuple(item)


def text_of(document: str | RerankDocument, where: str) -> str:
    """Return the text of a document. Raises `BadRequest`."""
    return filled(document if isinstance(document, str) else document.text, where)


def filled(text: str, where: str) -> str:
    """Return `text`. Raises `BadRequest` for an empty text or a NUL character."""
    if not text:
        raise BadRequest(f"{where} is empty; send at least one character.", param=where)
    return clean(text, where)


def prompt_usage(usage: Usage) -> PromptUsage:
    """Return the token counts of a request whose answer is no text."""
    return PromptUsage(prompt_tokens=usage.prompt_tokens, total_tokens=usage.prompt_tokens)
