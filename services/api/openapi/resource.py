"""Serve the description of the API: ``/openapi.json`` for programs and ``/docs`` for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import falcon

from services.answering.service import Service
from services.api.http.endpoint import Endpoint, Operation
from services.api.http.stream import encode_json
from services.api.openapi.document import document
from services.api.openapi.page import POLICY, page

TAG = "The server"


class Description:
    """Serves the description, which is encoded once, when this object is made."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        """Make the description of `endpoints` and of its own paths."""
        self.endpoints = own_endpoints(lambda _: self)
        made = document([*endpoints, *self.endpoints])
        self._json, self._page = encode_json(made), page(made).encode()

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the document."""
        resp.data, resp.content_type = self._json, falcon.MEDIA_JSON

    def on_get_page(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the document as a page."""
        resp.data, resp.content_type = self._page, falcon.MEDIA_HTML
        resp.set_header("Content-Security-Policy", POLICY)
        resp.set_header("Referrer-Policy", "no-referrer")


def own_endpoints(resource: Callable[[Service], object]) -> tuple[Endpoint, ...]:
    """Return the paths of the description, served by what `resource` makes."""
    probe = partial(Operation, method="get", access="open")
    return (
        Endpoint("/openapi.json", resource, TAG, (probe(summary="This description.", response=dict),)),
        Endpoint(
            "/docs",
            resource,
            TAG,
            (probe(summary="This description as a page.", media="text/html", response=str),),
            suffix="page",
        ),
    )
