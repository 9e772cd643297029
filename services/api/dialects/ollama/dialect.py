"""Ollama's API: its paths, and what each of them takes and answers."""

from __future__ import annotations

from functools import partial

from services.api.dialects.dialect import Dialect
from services.api.dialects.ollama.errors import error_body
from services.api.dialects.ollama.resources import Chat, Generate, NoRegistry, Running, Show, Tags, Version
from services.api.dialects.ollama.schemas import (
    ChatAnswer,
    Embedded,
    Error,
    GenerateAnswer,
    ModelList,
    PullStatus,
    Release,
    RunningList,
    ShownModel,
    Vector,
)
from services.api.dialects.ollama.store import Delete, Pull
from services.api.dialects.ollama.stream import NDJSON
from services.api.dialects.ollama.types import (
    ChatRequest,
    EmbeddingsRequest,
    EmbedRequest,
    GenerateRequest,
    NamedRequest,
)
from services.api.dialects.ollama.vectors import Embed, Embeddings
from services.api.http.endpoint import Endpoint, Operation

TAG, REGISTRY = "Ollama's API", "Ollama's registry, which is not here"

run = partial(Operation, names_model=True, takes_slot=True)
"""What waits for its slot and runs a model."""

HEAD = Operation(method="head", summary="The same without a body.")

ANSWERS = (
    Endpoint(
        "/api/chat",
        Chat,
        TAG,
        (
            run(
                summary="A chat answer, streamed unless the request says otherwise. Without messages: loads, or with "
                "keep_alive 0 unloads, for administrators.",
                request=ChatRequest,
                response=ChatAnswer,
                stream=ChatAnswer,
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
            run(
                summary="Answers a prompt, or continues it (raw). Without a prompt: as /api/chat without messages.",
                request=GenerateRequest,
                response=GenerateAnswer,
                stream=GenerateAnswer,
                stream_media=NDJSON,
                statuses=(403,),
            ),
        ),
    ),
    Endpoint(
        "/api/embed",
        Embed,
        TAG,
        (run(summary="Vectors of texts, of the length 1.", request=EmbedRequest, response=Embedded),),
    ),
    Endpoint(
        "/api/embeddings",
        Embeddings,
        TAG,
        (run(summary="One vector, the older way.", request=EmbeddingsRequest, response=Vector),),
    ),
)

MODELS = (
    Endpoint(
        "/api/show",
        Show,
        TAG,
        (Operation(summary="One model.", request=NamedRequest, response=ShownModel, names_model=True),),
    ),
    Endpoint(
        "/api/pull",
        Pull,
        TAG,
        (
            Operation(
                summary="Fetches a model of the manifest.",
                request=NamedRequest,
                response=PullStatus,
                stream=PullStatus,
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
            run(
                method="delete",
                summary="Removes a model's folder, unloaded before.",
                request=NamedRequest,
                access="admin",
            ),
        ),
    ),
    Endpoint(
        "/api/tags", Tags, TAG, (Operation(method="get", summary="The models on disk.", response=ModelList), HEAD)
    ),
    Endpoint("/api/ps", Running, TAG, (Operation(method="get", summary="The loaded models.", response=RunningList),)),
    Endpoint(
        "/api/version",
        Version,
        TAG,
        (Operation(method="get", summary="Which release's API this follows.", response=Release), HEAD),
    ),
)

MISSING = tuple(
    Endpoint(
        f"/api/{name}",
        NoRegistry,
        REGISTRY,
        (
            Operation(summary="Answers 501, and what to do instead.", statuses=(501,)),
            Operation(method="head", summary="Answers 501, and what to do instead.", statuses=(501,)),
        ),
    )
    for name in ("create", "copy", "push", "blobs/{digest}")
)

OLLAMA = Dialect(
    endpoints=(*ANSWERS, *MODELS, *MISSING),
    prefixes=("/api/",),
    error_body=error_body,
    error=Error,
)
