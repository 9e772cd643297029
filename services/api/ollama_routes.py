"""The paths of Ollama's API."""

from __future__ import annotations

from typing import Any

import falcon

from services.api.ollama_embed import Embed, Embeddings
from services.api.ollama_resources import Chat, Generate, Running, Show, Tags, Unavailable, Version
from services.api.service import Service

FETCH = "Models are fetched with 'scripts/models.sh add ID' or 'python -m services.models add ID'; see docs/models.md."
REMOVE = "Models are removed with 'scripts/models.sh remove ID' or by deleting their folder; see docs/models.md."
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
    app.add_route("/api/pull", Unavailable(FETCH))
    app.add_route("/api/delete", Unavailable(REMOVE))
    for path in ("/api/create", "/api/copy", "/api/push", "/api/blobs/{digest}"):
        app.add_route(path, Unavailable(BUILD))
