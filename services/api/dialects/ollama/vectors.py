"""Vectors for Ollama's clients: the newer endpoint and the older one."""

from __future__ import annotations

import falcon

from services.api.dialects.common.content import clean
from services.api.dialects.ollama import answers as ollama
from services.api.dialects.ollama import requests as ollama_asks
from services.api.dialects.ollama.resources import Resource
from services.api.dialects.ollama.types import EmbeddingsRequest, EmbedRequest
from services.api.dialects.openai.vectors import cut, embedded
from services.api.http.stream import write_json
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
        self._service.warn(resp, ollama_asks.ignored(request, model))
        keep = ollama_asks.keep_alive(request.keep_alive)
        return embedded(self._service, req, resp, model, texts, keep)


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
                "embeddings": cut(vectors, request.dimensions or None, model) if vectors else [],
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
