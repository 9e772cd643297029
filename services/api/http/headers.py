"""Set the headers that every response has, and write the names of headers as people know them."""

from __future__ import annotations

from functools import cache
from typing import Any

import falcon

from services.api.http.notices import show_notice
from services.core.events import Notice

SPELLED = {"rkllm": "RKLLM", "rag": "RAG", "www": "WWW"}
"""Parts of names that are not written with one capital."""


@cache
def usual_name(name: str) -> str:
    """Return the name of a header in its usual case: some scripts look for ``Content-Type`` and nothing else.

    Falcon writes all names in lower case. They come from the code and not from clients, so the cache stays small.
    """
    return "-".join(SPELLED.get(part, part.capitalize()) for part in name.lower().split("-"))


class CommonHeaders:
    """Middleware for the headers of every response, and for what was noted while the body was read."""

    def __init__(self, cors: bool) -> None:
        """Take whether web pages of other origins may read answers."""
        self._cors = cors

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Begin the list of notices."""
        req.context.notices = []

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: Any, succeeded: bool) -> None:
        """Keep browsers from guessing types, and every cache from keeping answers; show the notices."""
        resp.set_header("X-Content-Type-Options", "nosniff")
        resp.set_header("Cache-Control", "no-store")
        if self._cors:
            resp.append_header("Vary", "Origin")
        notices: list[Notice] = req.context.notices
        for notice in notices:
            show_notice(resp, notice)
