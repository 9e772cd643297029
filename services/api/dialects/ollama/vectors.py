"""Vectors for Ollama's clients: the newer endpoint and the older one."""

from __future__ import annotations

from collections.abc import Sequence

import falcon

from services.answering.vectors import Vector as Numbers
from services.answering.vectors import embed, with_dimensions
from services.api.dialects.common.content import clean
from services.api.dialects.ollama.answers import nanoseconds, total
from services.api.dialects.ollama.keep_alive import keep_alive
from services.api.dialects.ollama.requests import ignored
from services.api.dialects.ollama.resources import OllamaResource
from services.api.dialects.ollama.schemas import Embedded, Vector
from services.api.dialects.ollama.types import EmbeddingsRequest, EmbedRequest
from services.api.http.context import client
from services.api.http.notices import finished, show
from services.api.http.stream import write_json
from services.core.events import Usage
from services.core.model import Model


class Vectors(OllamaResource):
    """What the two endpoints do alike."""

    def _vectors(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: EmbedRequest | EmbeddingsRequest,
        model: Model,
        texts: Sequence[str],
    ) -> tuple[list[Numbers], Usage]:
        """Return the vector of each text, and what they took.

        Blocks. Raises `BadRequest` where the model makes no vectors, and what `embed` raises.
        """
        for notice in self._service.warnings(ignored(request, model)):
            show(resp, notice)
        work = embed(self._service, model, texts, client(req), keep_alive(request.keep_alive))
        return finished(resp, work)


class Embed(Vectors):
    """``POST /api/embed``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with a vector of the length 1 for each text."""
        request = self.parse(req, EmbedRequest)
        model = self._model(request.model)
        given = [request.input] if isinstance(request.input, str) else request.input
        texts = [clean(text, f"input[{index}]") for index, text in enumerate(given)]
        vectors, usage = self._vectors(req, resp, request, model, texts)
        trace = req.context.trace
        write_json(
            resp,
            Embedded(
                model=request.model or model.id,
                embeddings=with_dimensions(vectors, request.dimensions or None, model) if vectors else [],
                total_duration=total(trace),
                load_duration=nanoseconds(trace.seconds.get("load", 0)),
                prompt_eval_count=usage.prompt_tokens,
            ),
        )


class Embeddings(Vectors):
    """``POST /api/embeddings``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with one vector, an empty one for no prompt."""
        request = self.parse(req, EmbeddingsRequest)
        model = self._model(request.model)
        texts = [clean(request.prompt, "prompt")] if request.prompt else []
        vectors, _ = self._vectors(req, resp, request, model, texts)
        write_json(resp, Vector(embedding=vectors[0] if vectors else []))
