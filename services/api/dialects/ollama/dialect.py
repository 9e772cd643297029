"""Declare Ollama's dialect: its paths, what each of them takes and answers, and its errors."""

from __future__ import annotations

from services.api.dialects.dialect import Dialect
from services.api.dialects.ollama.errors import error_body
from services.api.dialects.ollama.resources import Chat, Generate, NoRegistry, Running, Show, Tags, Version
from services.api.dialects.ollama.schemas import (
    OllamaChatAnswer,
    OllamaEmbedAnswer,
    OllamaEmbeddingsAnswer,
    OllamaError,
    OllamaGenerateAnswer,
    OllamaModelList,
    OllamaPullStatus,
    OllamaRunningList,
    OllamaShownModel,
    OllamaVersion,
)
from services.api.dialects.ollama.store import Delete, Pull
from services.api.dialects.ollama.stream import NDJSON
from services.api.dialects.ollama.types import (
    OllamaChatRequest,
    OllamaEmbeddingsRequest,
    OllamaEmbedRequest,
    OllamaGenerateRequest,
    OllamaModelRequest,
)
from services.api.dialects.ollama.vectors import Embed, LegacyEmbeddings
from services.api.http.endpoint import MIB, SMALL, Endpoint, Operation, model_run

TAG, REGISTRY = "Ollama's API", "Ollama's registry, which this server does not have"

ANSWERS = (
    Endpoint(
        "/api/chat",
        Chat,
        TAG,
        (
            model_run(
                summary="A chat answer, streamed unless the request says otherwise. Without messages: loads, or with "
                "keep_alive 0 unloads, for administrators.",
                request=OllamaChatRequest,
                response=OllamaChatAnswer,
                stream=OllamaChatAnswer,
                stream_media=NDJSON,
                statuses=(403,),
            ),
        ),
    ),
    Endpoint(
        "/api/generate",
        Generate,
        TAG,
        (
            model_run(
                summary="Answers a prompt, or continues it (raw). Without a prompt: as /api/chat without messages.",
                request=OllamaGenerateRequest,
                response=OllamaGenerateAnswer,
                stream=OllamaGenerateAnswer,
                stream_media=NDJSON,
                statuses=(403,),
            ),
        ),
    ),
    Endpoint(
        "/api/embed",
        Embed,
        TAG,
        (
            model_run(
                summary="Vectors of texts, of the length 1.",
                request=OllamaEmbedRequest,
                response=OllamaEmbedAnswer,
                max_bytes=8 * MIB,
            ),
        ),
    ),
    Endpoint(
        "/api/embeddings",
        LegacyEmbeddings,
        TAG,
        (
            model_run(
                summary="One vector, in Ollama's older API.",
                request=OllamaEmbeddingsRequest,
                response=OllamaEmbeddingsAnswer,
                max_bytes=MIB,
            ),
        ),
    ),
)

MODELS = (
    Endpoint(
        "/api/show",
        Show,
        TAG,
        (
            Operation(
                summary="One model.",
                request=OllamaModelRequest,
                response=OllamaShownModel,
                max_bytes=SMALL,
                names_model=True,
            ),
        ),
    ),
    Endpoint(
        "/api/pull",
        Pull,
        TAG,
        (
            Operation(
                summary="Fetches a model of the manifest.",
                request=OllamaModelRequest,
                response=OllamaPullStatus,
                max_bytes=SMALL,
                stream=OllamaPullStatus,
                stream_media=NDJSON,
                access="admin",
                statuses=(404, 502, 503),
            ),
        ),
    ),
    Endpoint(
        "/api/delete",
        Delete,
        TAG,
        (
            model_run(
                method="delete",
                summary="Removes a model's folder, unloaded before.",
                request=OllamaModelRequest,
                max_bytes=SMALL,
                access="admin",
            ),
        ),
    ),
    Endpoint(
        "/api/tags", Tags, TAG, (Operation(method="get", summary="The models on disk.", response=OllamaModelList),)
    ),
    Endpoint(
        "/api/ps", Running, TAG, (Operation(method="get", summary="The loaded models.", response=OllamaRunningList),)
    ),
    Endpoint(
        "/api/version",
        Version,
        TAG,
        (Operation(method="get", summary="The release of Ollama whose API this is.", response=OllamaVersion),),
    ),
)

MISSING = tuple(
    Endpoint(
        f"/api/{name}",
        NoRegistry,
        REGISTRY,
        (
            Operation(summary="Answers 501 and says what to do instead.", statuses=(501,)),
            Operation(method="head", summary="Answers 501 and says what to do instead.", statuses=(501,)),
        ),
    )
    for name in ("create", "copy", "push", "blobs/{digest}")
)

OLLAMA = Dialect(
    endpoints=(*ANSWERS, *MODELS, *MISSING),
    prefixes=("/api/",),
    error_body=error_body,
    error=OllamaError,
)
