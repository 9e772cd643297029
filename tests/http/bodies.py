"""Know every path of the API, and a good body for each that takes one. A new dialect adds its bodies to `BODIES`."""

from __future__ import annotations

import json
from typing import Any

from services.api.app import ENDPOINTS
from services.api.http.endpoint import Operation

OPERATIONS: dict[tuple[str, str], Operation] = {
    (operation.method.upper(), endpoint.path): operation for endpoint in ENDPOINTS for operation in endpoint.operations
}
"""All operations but those of the description, by method and path."""

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}]}
RERANK: dict[str, Any] = {"query": "x", "documents": ["y"]}

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"prompt": "x"},
    "/v1/embeddings": {"input": "x"},
    "/v1/rerank": RERANK,
    "/v1/reranking": RERANK,
    "/v1/reranker": RERANK,
    "/v1/tokenize": {"prompt": "x"},
    "/v1/detokenize": {"tokens": [97]},
    "/v1/rag/preview": CHAT,
    "/v1/models/select": {"model": "fake"},
    "/v1/models/unload": {"model": "fake"},
    "/v1/responses": {"input": "x"},
    "/v1/responses/input_tokens": {"input": "x"},
    "/v1/messages": {**CHAT, "max_tokens": 50},
    "/v1/messages/count_tokens": CHAT,
    "/api/chat": {**CHAT, "stream": False},
    "/api/generate": {"prompt": "x", "stream": False},
    "/api/show": {"model": "fake"},
    "/api/pull": {"model": "fake", "stream": False},
    "/api/embed": {"input": "x"},
    "/api/embeddings": {"prompt": "x"},
}
"""By path, a body whose answer is whole and has the status 200, where the only model is ``fake``."""

POSTS = [path for (method, path), operation in OPERATIONS.items() if method == "POST" and operation.request is not None]
"""The paths of `BODIES`."""


def good(path: str) -> dict[str, Any]:
    """Return the body of `BODIES` for `path`."""
    assert path in BODIES, f"add a body that {path} answers to BODIES in tests/http/bodies.py"
    return BODIES[path]


def text_field(path: str) -> str:
    """Return the field of the good body that has the question."""
    found = [field for field in ("messages", "input", "prompt") if field in good(path)]
    assert found, f"no field of the body of {path} is known for its question: tests/http/bodies.py"
    return found[0]


def asking(path: str, asked: object = "hello", **more: Any) -> dict[str, Any]:
    """Return a body for `path` that asks a text, a script for the engine, or the messages of a chat."""
    text: object = asked if isinstance(asked, str | list) else json.dumps(asked)
    field = text_field(path)
    if field == "messages" and isinstance(text, str):
        text = [{"role": "user", "content": text}]
    return {**good(path), field: text, **more}


RUNS = [path for path in POSTS if OPERATIONS["POST", path].takes_slot and OPERATIONS["POST", path].access == "user"]
ANSWERS = [path for path in RUNS if OPERATIONS["POST", path].stream is not None]
"""Paths whose answers can be streamed."""

CHATS = [path for path in ANSWERS if text_field(path) != "prompt"]
DATA = [path for path in RUNS if path not in ANSWERS]
"""Paths that run a model and answer with vectors, scores or tokens."""
