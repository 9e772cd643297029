"""Serve the root: clients of Ollama look there for a server, and scripts for Ollama's words."""

from __future__ import annotations

import falcon

from services.api.operator.health import Health

RUNNING = "Ollama is running"


class Root(Health):
    """Ollama's greeting; the health for those who ask for JSON by name."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with Ollama's words, or as ``/health`` where ``Accept`` names JSON. Never blocks."""
        if "json" in (req.get_header("Accept") or ""):
            super().on_get(req, resp)
        else:
            resp.content_type, resp.text = falcon.MEDIA_TEXT, RUNNING

    on_head = on_get
