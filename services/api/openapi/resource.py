"""The API's description as it is served: ``/openapi.json`` for programs, ``/docs`` for people."""

from __future__ import annotations

import falcon

from services.api.http.stream import encode_json
from services.api.openapi.document import document
from services.api.openapi.operations import OPERATIONS
from services.api.openapi.page import POLICY, page


class Description:
    """Made once, when the application is built."""

    def __init__(self) -> None:
        made = document(OPERATIONS)
        self._json, self._page = encode_json(made), page(made).encode()

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.data, resp.content_type = self._json, falcon.MEDIA_JSON

    def on_get_page(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.data, resp.content_type = self._page, falcon.MEDIA_HTML
        resp.set_header("Content-Security-Policy", POLICY)
        resp.set_header("X-Content-Type-Options", "nosniff")
        resp.set_header("Referrer-Policy", "no-referrer")
