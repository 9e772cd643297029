"""Vectors for Ollama's clients: the newer endpoint and the older one."""

from __future__ import annotations

import math
from dataclasses import replace

import falcon

from services.api import ollama, ollama_asks
from services.api.ollama_resources import Resource
from services.api.ollama_types import EmbeddingsRequest, EmbedRequest
from services.api.stream import write_json
from services.api.text import clean
from services.chat.plan import data_job
from services.core.errors import BadRequest
from services.core.events import Usage
from services.core.model import Model

Vector = list[float]


class Vectors(Resource):
    """What the two endpoints do alike."""

    def _vectors(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: EmbedRequest | EmbeddingsRequest,
        model: Model,
        texts: list[str],
    ) -> tuple[list[Vector], Usage]:
        """Raises `BadRequest` where the model makes no vectors."""
        job = data_job("embedding", model, tuple(texts), req.context.id, "embedding")
        job = replace(job, keep_alive=ollama_asks.keep_alive(request.keep_alive))
        self._service.warn(resp, ollama_asks.ignored(request, model))
        return self._service.data(req, resp, job) if texts else ([], Usage())


class Embed(Vectors):
    """``/api/embed``: vectors of the length 1."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, EmbedRequest)
        model = self._model(request.model)
        given = [request.input] if isinstance(request.input, str) else request.input
        texts = [clean(text, f"input[{index}]") for index, text in enumerate(given)]
        vectors, usage = self._vectors(req, resp, request, model, texts)
        trace = req.context.trace
        write_json(
            resp,
            {
                "model": request.model or model.id,
                "embeddings": [unit(cut(vector, request.dimensions, model)) for vector in vectors],
                "total_duration": ollama.total(trace),
                "load_duration": ollama.nanoseconds(trace.seconds.get("load", 0)),
                "prompt_eval_count": usage.prompt_tokens,
            },
        )


class Embeddings(Vectors):
    """``/api/embeddings``: one vector, as the model makes it. Without a prompt it is empty."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, EmbeddingsRequest)
        model = self._model(request.model)
        texts = [clean(request.prompt, "prompt")] if request.prompt else []
        vectors, _ = self._vectors(req, resp, request, model, texts)
        write_json(resp, {"embedding": vectors[0] if vectors else []})


def cut(vector: Vector, dimensions: int | None, model: Model) -> Vector:
    """Its beginning. Raises `BadRequest` for a model whose vectors mean nothing when they are cut."""
    if not dimensions or dimensions >= len(vector):
        return vector
    if not model.matryoshka:
        raise BadRequest(
            f"The vectors of {model.id!r} have {len(vector)} dimensions and cannot be cut; leave 'dimensions' out.",
            param="dimensions",
        )
    return vector[:dimensions]


def unit(vector: Vector) -> Vector:
    """The same direction, at the length 1; a vector of zeros stays."""
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]
