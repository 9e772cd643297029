"""The API, line by line. A route that is added in `app.route` is added here; a test holds the two against each other.

How: one `Operation` with the route's template, the request's struct, and the response's struct, or an example of it::

    Operation("post", "/v1/embeddings", VECTORS, "Vectors for texts.", EmbeddingRequest, {"object": "list", ...},
              names_model=True, takes_turn=True)

The shape of its errors follows from its path (`errors.DIALECTS`), their statuses from what it does.
"""

from __future__ import annotations

from services.api.openai_types import ChatRequest, CompletionRequest, ModelRequest
from services.api.openapi import schemas as s
from services.api.openapi.operation import Operation
from services.api.tokens import DetokenizeRequest, TokenizeRequest

ANSWERS, MODELS, SERVER = "Answers", "Models", "The server"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "post",
        "/v1/chat/completions",
        ANSWERS,
        "A chat answer, whole or streamed.",
        ChatRequest,
        s.ChatCompletion,
        s.ChatCompletionChunk,
        names_model=True,
        takes_turn=True,
    ),
    Operation(
        "post",
        "/v1/completions",
        ANSWERS,
        "Continues a raw prompt, without a chat template.",
        CompletionRequest,
        s.TextCompletion,
        s.TextCompletionChunk,
        names_model=True,
        takes_turn=True,
    ),
    Operation(
        "post",
        "/v1/tokenize",
        ANSWERS,
        "What a text, or the prompt of a chat, is in the model's tokens.",
        TokenizeRequest,
        s.Tokens,
        names_model=True,
        takes_turn=True,
    ),
    Operation(
        "post",
        "/v1/detokenize",
        ANSWERS,
        "The text that tokens stand for.",
        DetokenizeRequest,
        s.Detokenized,
        names_model=True,
        takes_turn=True,
    ),
    Operation(
        "post",
        "/v1/rag/preview",
        ANSWERS,
        "What the sources in a chat request would become, and why, without asking the model.",
        ChatRequest,
        s.Preview,
        access="admin",
        names_model=True,
    ),
    Operation("get", "/v1/models", MODELS, "The models on disk.", response=s.ModelList),
    Operation("get", "/v1/models/{name}", MODELS, "One of them.", response=s.ModelEntry, names_model=True),
    Operation(
        "post",
        "/v1/models/select",
        MODELS,
        "Loads a model when its turn comes, before its first question.",
        ModelRequest,
        s.Loaded,
        access="admin",
        names_model=True,
        takes_turn=True,
    ),
    Operation(
        "post",
        "/v1/models/unload",
        MODELS,
        "Frees the accelerator and the memory when its turn comes; never ends a running answer.",
        response=s.Unloaded,
        access="admin",
        takes_turn=True,
    ),
    Operation("get", "/", SERVER, "The same as /health.", response=s.HealthReport, access="open"),
    Operation("get", "/v1/health", SERVER, "Lives, and what runs.", response=s.HealthReport, access="open"),
    Operation(
        "get",
        "/v1/ready",
        SERVER,
        "200 when a chat could be answered, 503 when there is no model for it.",
        response=s.ReadyReport,
        access="open",
        statuses=(503,),
    ),
    # Open or not by the setting metrics_public.
    Operation(
        "get",
        "/metrics",
        SERVER,
        "The figures for Prometheus.",
        media="text/plain",
        response=str,
        access="open",
        statuses=(401,),
    ),
    Operation("get", "/openapi.json", SERVER, "This description.", response=dict, access="open"),
    Operation("get", "/docs", SERVER, "This description, to read.", media="text/html", response=str, access="open"),
)
