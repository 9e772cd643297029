"""The paths of Ollama's API."""

from __future__ import annotations

from typing import Any

import falcon

from services.answering.service import Service
from services.api.dialects.ollama.resources import Chat, Generate, Running, Show, Tags, Unavailable, Version
from services.api.dialects.ollama.store import Delete, Pull
from services.api.dialects.ollama.vectors import Embed, Embeddings

BUILD = "Models are not built, copied or uploaded here: each is a folder under models_dir; see docs/models.md."


def route(app: falcon.App[Any, Any], service: Service) -> None:
    app.add_route("/api/version", Version())
    app.add_route("/api/tags", Tags(service))
    app.add_route("/api/ps", Running(service))
    app.add_route("/api/show", Show(service))
    app.add_route("/api/chat", Chat(service))
    app.add_route("/api/generate", Generate(service))
    app.add_route("/api/embed", Embed(service))
    app.add_route("/api/embeddings", Embeddings(service))
    app.add_route("/api/pull", Pull(service))
    app.add_route("/api/delete", Delete(service))
    for path in ("/api/create", "/api/copy", "/api/push", "/api/blobs/{digest}"):
        app.add_route(path, Unavailable(BUILD))
