"""Declare the paths for whoever runs the server: health, metrics, models, tokens, the preview of sources.

Their errors have OpenAI's shape.
"""

from __future__ import annotations

from functools import partial

from services.api.dialects.openai.types import ChatRequest
from services.api.http.endpoint import MIB, SMALL, Endpoint, Operation, model_run
from services.api.operator.health import Health, HealthReport, ReadyReport
from services.api.operator.metrics import MetricsPage
from services.api.operator.models import (
    ModelEntry,
    ModelList,
    ModelLoaded,
    ModelRequest,
    Models,
    ModelsUnloaded,
    UnloadRequest,
)
from services.api.operator.preview import RagPreview, RagPreviewAnswer
from services.api.operator.root import Root
from services.api.operator.tokens import (
    Detokenize,
    DetokenizeAnswer,
    DetokenizeRequest,
    Tokenize,
    TokenizeAnswer,
    TokenizeRequest,
)

ANSWERS, MODELS, SERVER = "Answers", "Models", "The server"

probe = partial(Operation, method="get", access="open")

ENDPOINTS = (
    Endpoint(
        "/v1/tokenize",
        Tokenize,
        ANSWERS,
        (
            model_run(
                summary="The tokens of a text, or of a chat's prompt.",
                request=TokenizeRequest,
                max_bytes=2 * MIB,
                response=TokenizeAnswer,
            ),
        ),
    ),
    Endpoint(
        "/v1/detokenize",
        Detokenize,
        ANSWERS,
        (
            model_run(
                summary="The text that tokens stand for.",
                request=DetokenizeRequest,
                response=DetokenizeAnswer,
                max_bytes=2 * MIB,
            ),
        ),
    ),
    Endpoint(
        "/v1/rag/preview",
        RagPreview,
        ANSWERS,
        (
            Operation(
                summary="What would become of the sources in a chat request, and why. The model is not run.",
                request=ChatRequest,
                response=RagPreviewAnswer,
                access="admin",
                names_model=True,
            ),
        ),
    ),
    Endpoint(
        "/v1/models", Models, MODELS, (Operation(method="get", summary="The models on disk.", response=ModelList),)
    ),
    Endpoint(
        "/v1/models/{name}",
        Models,
        MODELS,
        (Operation(method="get", summary="One model on disk.", response=ModelEntry, names_model=True),),
        suffix="one",
    ),
    Endpoint(
        "/v1/models/select",
        Models,
        MODELS,
        (
            model_run(
                summary="Loads a model before its first question, when a slot is free.",
                request=ModelRequest,
                max_bytes=SMALL,
                response=ModelLoaded,
                access="admin",
            ),
        ),
        suffix="select",
    ),
    Endpoint(
        "/v1/models/unload",
        Models,
        MODELS,
        (
            model_run(
                summary="Frees the memory of a model, or of all, when a slot is free; never ends a running answer.",
                request=UnloadRequest,
                max_bytes=SMALL,
                response=ModelsUnloaded,
                body_optional=True,
                access="admin",
            ),
        ),
        suffix="unload",
    ),
    Endpoint(
        "/",
        Root,
        SERVER,
        (probe(summary="Ollama's greeting; as /health if Accept names JSON.", media="text/plain", response=str),),
    ),
    Endpoint("/v1/health", Health, SERVER, (probe(summary="Liveness, and what runs.", response=HealthReport),)),
    Endpoint(
        "/v1/ready",
        Health,
        SERVER,
        (
            probe(
                summary="Readiness: 200 if a model can answer a chat, 503 if there is none.",
                response=ReadyReport,
                statuses=(503,),
                also_success=(503,),
            ),
        ),
        suffix="ready",
    ),
    Endpoint(
        "/metrics",
        MetricsPage,
        SERVER,
        # The setting metrics_public decides whether it needs a key.
        (probe(summary="The metrics, for Prometheus.", media="text/plain", response=str, statuses=(401,)),),
    ),
)
