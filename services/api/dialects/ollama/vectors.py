"""Serve ``/api/embed`` and the older ``/api/embeddings``."""

from __future__ import annotations

from collections.abc import Sequence

import falcon

from services.answering.vectors import Vector, embed, with_dimensions
from services.api.dialects.common.content import clean
from services.api.dialects.ollama.answers import nanoseconds, total
from services.api.dialects.ollama.keep_alive import keep_alive
from services.api.dialects.ollama.requests import ignored
from services.api.dialects.ollama.schemas import OllamaEmbedAnswer, OllamaEmbeddingsAnswer
from services.api.dialects.ollama.types import OllamaEmbeddingsRequest, OllamaEmbedRequest
from services.api.http.context import client
from services.api.http.notices import run_to_end, show_notice
from services.api.http.resource import Resource
from services.api.http.stream import write_json
from services.core.events import Usage
from services.core.model import Model


class VectorResource(Resource):
    """What the two endpoints do alike."""

    def _vectors(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: OllamaEmbedRequest | OllamaEmbeddingsRequest,
        model: Model,
        texts: Sequence[str],
    ) -> tuple[list[Vector], Usage]:
        """Return the vector of each text, of the length 1, and the token counts. Blocks; raises as `embed` does."""
        for notice in self._service.warnings(ignored(request, model)):
            show_notice(resp, notice)
        truncate = request.truncate is not False
        keep = keep_alive(request.keep_alive)
        work = embed(self._service, model, texts, client(req), keep_alive=keep, truncate=truncate)
        return run_to_end(resp, work)


class Embed(VectorResource):
    """``POST /api/embed``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with a vector for each text. Blocks; raises `ServiceError`."""
        request = self.parse(req, OllamaEmbedRequest)
        model = self._service.model(request.model)
        given = [request.input] if isinstance(request.input, str) else request.input
        texts = [clean(text, f"input[{index}]") for index, text in enumerate(given)]
        vectors, usage = self._vectors(req, resp, request, model, texts)
        trace = req.context.trace
        write_json(
            resp,
            OllamaEmbedAnswer(
                model=request.model or model.id,
                embeddings=with_dimensions(vectors, request.dimensions or None, model) if vectors else [],
                total_duration=total(trace),
                load_duration=nanoseconds(trace.seconds.get("load", 0)),
                prompt_eval_count=usage.prompt_tokens,
            ),
        )


class LegacyEmbeddings(VectorResource):
    """``POST /api/embeddings``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the vector of the prompt, an empty one for no prompt. Blocks; raises `ServiceError`."""
        request = self.parse(req, OllamaEmbeddingsRequest)
        model = self._service.model(request.model)
        texts = [clean(request.prompt, "prompt")] if request.prompt else []
        vectors, _ = self._vectors(req, resp, request, model, texts)
        write_json(resp, OllamaEmbeddingsAnswer(embedding=vectors[0] if vectors else []))
