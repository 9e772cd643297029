"""The paths of whoever runs the server: health, metrics, models, tokens, the preview of sources.

Their errors have OpenAI's shape.
"""

from __future__ import annotations

from functools import partial

from services.api.dialects.openai.types import ChatRequest
from services.api.http.endpoint import Endpoint, Operation
from services.api.operator.health import Health, HealthReport, ReadyReport
from services.api.operator.metrics import MetricsPage
from services.api.operator.models import (
    Loaded,
    ModelEntry,
    ModelList,
    ModelRequest,
    Models,
    Unloaded,
    UnloadRequest,
)
from services.api.operator.preview import Preview, RagPreview
from services.api.operator.tokens import (
    Detokenize,
    Detokenized,
    DetokenizeRequest,
    Tokenize,
    TokenizeRequest,
    Tokens,
)

ANSWERS, MODELS, SERVER = "Answers", "Models", "The server"

asked = partial(Operation, names_model=True, takes_slot=True)
probe = partial(Operation, method="get", access="open")
NO_BODY = probe(method="head", summary="The same without a body.")

ENDPOINTS = (
    Endpoint(
        "/v1/tokenize",
        Tokenize,
        ANSWERS,
        (
            asked(
                summary="A text, or a chat's prompt, in the model's tokens.", request=TokenizeRequest, response=Tokens
            ),
        ),
    ),
    Endpoint(
        "/v1/detokenize",
        Detokenize,
        ANSWERS,
        (asked(summary="The text that tokens stand for.", request=DetokenizeRequest, response=Detokenized),),
    ),
    Endpoint(
        "/v1/rag/preview",
        RagPreview,
        ANSWERS,
        (
            Operation(
                summary="What the sources in a chat request would become, and why, without asking the model.",
                request=ChatRequest,
                response=Preview,
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
        (Operation(method="get", summary="One of them.", response=ModelEntry, names_model=True),),
        suffix="one",
    ),
    Endpoint(
        "/v1/models/select",
        Models,
        MODELS,
        (
            asked(
                summary="Loads a model before its first question, when a slot is free.",
                request=ModelRequest,
                response=Loaded,
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
            asked(
                summary="Frees the memory of a model, or of all, when a slot is free; never ends a running answer.",
                request=UnloadRequest,
                response=Unloaded,
                body_optional=True,
                access="admin",
            ),
        ),
        suffix="unload",
    ),
    Endpoint("/", Health, SERVER, (probe(summary="The same as /health.", response=HealthReport), NO_BODY)),
    Endpoint("/v1/health", Health, SERVER, (probe(summary="Liveness, and what runs.", response=HealthReport), NO_BODY)),
    Endpoint(
        "/v1/ready",
        Health,
        SERVER,
        (
            probe(
                summary="200 when a chat could be answered, 503 when there is no model for it.",
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
        # Open or not by the setting metrics_public.
        (probe(summary="The figures for Prometheus.", media="text/plain", response=str, statuses=(401,)),),
    ),
)
