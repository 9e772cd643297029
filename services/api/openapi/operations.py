"""The API, line by line. A route that is added to the application is added here; a test holds the two together.

How: one `Operation` with the route's template, the request's struct, and the response's struct, or an example of it::

    asked("/v1/embeddings", VECTORS, "Vectors for texts.", EmbeddingRequest, {"object": "list", ...})

The shape of its errors follows from its path (`errors.DIALECTS`), their statuses from what it does.
"""

from __future__ import annotations

from functools import partial

from services.api.dialects.anthropic import schemas as sm
from services.api.dialects.anthropic import types as messages_types
from services.api.dialects.ollama import schemas as so
from services.api.dialects.ollama import types as ollama_types
from services.api.dialects.ollama.answers import NDJSON
from services.api.dialects.openai import schemas as s
from services.api.dialects.openai import schemas_vectors as sv
from services.api.dialects.openai.types import ChatRequest, CompletionRequest, ModelRequest, UnloadRequest
from services.api.dialects.openai.vectors import EmbeddingRequest, RerankRequest
from services.api.dialects.responses import schemas as sr
from services.api.dialects.responses.types import ResponsesRequest
from services.api.http.operation import Operation
from services.api.operator.tokens import DetokenizeRequest, TokenizeRequest

ANSWERS, MODELS, SERVER = "Answers", "Models", "The server"
ANTHROPIC, OLLAMA, REGISTRY = "Anthropic's API", "Ollama's API", "Ollama's registry, which is not here"

asked = partial(Operation, "post", names_model=True, takes_turn=True)
"""What goes to a model when its turn comes."""

probe = partial(Operation, "get", tag=SERVER, access="open")

OPENAI = (
    asked(
        "/v1/chat/completions",
        ANSWERS,
        "A chat answer, whole or streamed.",
        ChatRequest,
        s.ChatCompletion,
        s.ChatCompletionChunk,
        stream_end="[DONE]",
    ),
    asked(
        "/v1/completions",
        ANSWERS,
        "Continues a raw prompt, without a chat template.",
        CompletionRequest,
        s.TextCompletion,
        s.TextCompletionChunk,
        stream_end="[DONE]",
    ),
    asked(
        "/v1/responses",
        ANSWERS,
        "OpenAI's newer API for the same, without state on the server.",
        ResponsesRequest,
        sr.ResponseAnswer,
        sr.ResponseEvent,
    ),
    asked(
        "/v1/responses/input_tokens",
        ANSWERS,
        "How long the prompt of the same request would be.",
        ResponsesRequest,
        sr.InputTokens,
    ),
    asked("/v1/embeddings", ANSWERS, "A vector of each text.", EmbeddingRequest, sv.EmbeddingList),
    asked("/v1/rerank", ANSWERS, "Texts by how near they are to a question.", RerankRequest, sv.Ranking),
    asked("/v1/tokenize", ANSWERS, "A text, or a chat's prompt, in the model's tokens.", TokenizeRequest, sv.Tokens),
    asked("/v1/detokenize", ANSWERS, "The text that tokens stand for.", DetokenizeRequest, sv.Detokenized),
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
    asked(
        "/v1/models/select",
        MODELS,
        "Loads a model when its turn comes, before its first question.",
        ModelRequest,
        s.Loaded,
        access="admin",
    ),
    asked(
        "/v1/models/unload",
        MODELS,
        "Frees the memory of a model, or of all, when its turn comes; never ends a running answer.",
        UnloadRequest,
        s.Unloaded,
        body_optional=True,
        access="admin",
    ),
)

MESSAGES = (
    asked(
        "/v1/messages",
        ANTHROPIC,
        "A chat answer, whole or streamed.",
        messages_types.MessagesRequest,
        sm.MessageAnswer,
        sm.MessageEvent,
    ),
    asked(
        "/v1/messages/count_tokens",
        ANTHROPIC,
        "How long the prompt of the same message would be.",
        messages_types.CountRequest,
        sm.CountedTokens,
    ),
)

OLLAMAS = (
    asked(
        "/api/chat",
        OLLAMA,
        "A chat answer, streamed unless the request says otherwise. Without messages: loads, or with keep_alive 0 "
        "unloads, for administrators.",
        ollama_types.ChatRequest,
        so.Chatted,
        so.Chatted,
        stream_media=NDJSON,
        statuses=(403,),
    ),
    asked(
        "/api/generate",
        OLLAMA,
        "Answers a prompt, or continues it (raw). Without a prompt: as /api/chat without messages.",
        ollama_types.GenerateRequest,
        so.Generated,
        so.Generated,
        stream_media=NDJSON,
        statuses=(403,),
    ),
    asked("/api/embed", OLLAMA, "Vectors of texts, of the length 1.", ollama_types.EmbedRequest, so.Embedded),
    asked("/api/embeddings", OLLAMA, "One vector, the older way.", ollama_types.EmbeddingsRequest, so.Vector),
    Operation("post", "/api/show", OLLAMA, "One model.", ollama_types.NamedRequest, so.Shown, names_model=True),
    Operation(
        "post",
        "/api/pull",
        OLLAMA,
        "Fetches a model of the manifest.",
        ollama_types.NamedRequest,
        so.PullStatus,
        so.PullStatus,
        stream_media=NDJSON,
        access="admin",
        statuses=(404, 502, 503),
    ),
    Operation(
        "delete",
        "/api/delete",
        OLLAMA,
        "Removes a model's folder, unloaded before.",
        ollama_types.NamedRequest,
        access="admin",
        names_model=True,
        takes_turn=True,
    ),
    Operation("get", "/api/tags", OLLAMA, "The models on disk.", response=so.TagList),
    Operation("head", "/api/tags", OLLAMA, "The same without a body."),
    Operation("get", "/api/ps", OLLAMA, "The loaded model.", response=so.RunningList),
    Operation("get", "/api/version", OLLAMA, "Which release's API this follows.", response=so.Release),
    Operation("head", "/api/version", OLLAMA, "The same without a body."),
)

MISSING = tuple(
    Operation(method, f"/api/{name}", REGISTRY, "Answers 501, and what to do instead.", statuses=(501,))
    for name in ("create", "copy", "push", "blobs/{digest}")
    for method in ("post", "head")
)

OTHERS = (
    probe("/", summary="The same as /health.", response=s.HealthReport),
    probe("/v1/health", summary="Lives, and what runs.", response=s.HealthReport),
    Operation("head", "/", SERVER, "The same without a body.", access="open"),
    Operation("head", "/v1/health", SERVER, "The same without a body.", access="open"),
    probe(
        "/v1/ready",
        summary="200 when a chat could be answered, 503 when there is no model for it.",
        response=s.ReadyReport,
        statuses=(503,),
    ),
    # Open or not by the setting metrics_public.
    probe("/metrics", summary="The figures for Prometheus.", media="text/plain", response=str, statuses=(401,)),
    probe("/openapi.json", summary="This description.", response=dict),
    probe("/docs", summary="This description, to read.", media="text/html", response=str),
)

OPERATIONS: tuple[Operation, ...] = (*OPENAI, *MESSAGES, *OLLAMAS, *MISSING, *OTHERS)
