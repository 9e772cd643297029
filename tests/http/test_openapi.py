"""The description is that of the application: every route, every answer, nothing else."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import falcon.inspect
import jsonschema
import msgspec
import pytest

from services.api.app import ENDPOINTS
from services.api.dialects.table import dialect_of
from services.api.http.endpoint import Operation
from services.api.openapi.document import document
from services.api.openapi.page import page
from services.api.openapi.resource import own_endpoints
from tests.engines import write_fake_model
from tests.http.bodies import ANSWERS, OPERATIONS, asking, good
from tests.http.conftest import Api, chunks

USER, ADMIN = "user-0123456789abcdef", "admin-0123456789abcdef"
DOCUMENT = document([*ENDPOINTS, *own_endpoints(lambda service: None)])
METHODS = {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"}


def described() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_route_is_described_and_nothing_else(api: Api) -> None:
    routes = {
        (method.method, route.path)
        for route in falcon.inspect.inspect_routes(api.app)
        for method in route.methods
        if method.method in METHODS and not method.internal
    }
    assert routes == {(method, path) for method, path, _ in described()}


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    names = re.findall(r'"#/components/schemas/([^"]+)"', text)
    assert names
    assert set(names) == set(DOCUMENT["components"]["schemas"])
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert not [name for name in names if "." in name], "two structs of the API have the same class name"
    ids = [operation["operationId"] for _, _, operation in described()]
    assert len(set(ids)) == len(ids)


def test_who_may_ask_is_as_described(make: Callable[..., Api], tmp_path: Path) -> None:
    """Without a key, with a user's, with an administrator's; the body is none, so what is allowed is refused later."""
    write_fake_model(tmp_path, "fake")
    guarded = make(api_key=USER, admin_key=ADMIN, metrics_public=False)
    for endpoint in ENDPOINTS:
        for operation in endpoint.operations:
            for path in endpoint.paths:
                check_access(guarded, operation, path)


def check_access(guarded: Api, operation: Operation, path: str) -> None:
    address = re.sub(r"\{\w+\}", "nothing", path)

    def status(key: str = "") -> int:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return guarded.http.simulate_request(operation.method.upper(), address, headers=headers).status_code

    keyless, user, admin = status(), status(USER), status(ADMIN)
    name = f"{operation.method} {path}"
    assert (keyless == 401) == (operation.access != "open" or path == "/metrics"), name
    assert (user == 403) == (operation.access == "admin"), name
    assert admin not in (401, 403), name
    assert {keyless, user, admin} <= {200, *operation.errors}, name


THOUGHT = {"text": "<think>a</think>b"}

PLAIN = [
    pair
    for pair, operation in OPERATIONS.items()
    if pair[0] in ("GET", "POST") and operation.response is not None and operation.media == "application/json"
]
"""Methods and paths whose answers are JSON."""

MORE: list[tuple[str, Any]] = [
    ("/v1/chat/completions", asking("/v1/chat/completions", THOUGHT, n=2)),
    ("/v1/completions", {"prompt": "hi", "echo": True}),
    ("/v1/models/unload", None),
    ("/v1/embeddings", {"input": ["hi"]}),
    ("/v1/embeddings", {"input": "hi", "encoding_format": "base64"}),
    ("/v1/rerank", {"query": "hi", "documents": ["a"], "return_documents": True}),
    ("/api/chat", {"model": "fake"}),
    ("/api/generate", {"model": "fake", "keep_alive": 0}),
]


@pytest.mark.parametrize(("method", "path"), PLAIN)
def test_answers_are_as_described(able: Api, method: str, path: str) -> None:
    operation = OPERATIONS[method, path]
    check_answer(able, method, path, None if operation.request is None else good(path))


@pytest.mark.parametrize("path", ANSWERS)
def test_answers_with_reasoning_are_as_described(able: Api, path: str) -> None:
    check_answer(able, "POST", path, asking(path, THOUGHT))


@pytest.mark.parametrize(("path", "body"), MORE)
def test_further_answers_are_as_described(able: Api, path: str, body: Any) -> None:
    check_answer(able, "POST", path, body)


def check_answer(able: Api, method: str, path: str, body: Any) -> None:
    text = None if body is None else json.dumps(body)
    result = able.http.simulate_request(method, path.replace("{name}", "fake"), body=text)
    assert result.status_code == 200
    assert msgspec.convert(result.json, OPERATIONS[method, path].response)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {}),
        ("/api/nothing", {}),
        ("/v1/messages/nothing", {}),
        ("/v1/messages", {**good("/v1/messages"), "max_tokens": -9}),
        ("/nothing", {}),
    ],
)
def test_errors_are_as_described(able: Api, path: str, body: Any) -> None:
    result = able.post(path, body)
    assert result.status_code in (400, 404)
    assert msgspec.convert(result.json, dialect_of(path).error)


@pytest.mark.parametrize(
    ("path", "more"),
    [
        *((path, {}) for path in ANSWERS),
        ("/v1/chat/completions", {"stream_options": {"include_usage": True}}),
        ("/v1/completions", {"echo": True}),
    ],
)
def test_events_are_as_described(able: Api, path: str, more: dict[str, Any]) -> None:
    operation = OPERATIONS["POST", path]
    result = able.post(path, asking(path, THOUGHT, **more, stream=True))
    lines = operation.stream_media != "text/event-stream"
    events = [json.loads(line) for line in result.text.splitlines()] if lines else chunks(result)
    assert len([msgspec.convert(event, operation.stream) for event in events if event is not None]) >= 2


def test_bounds_of_long_lists_are_in_words() -> None:
    """A body beyond them may be refused for its size first, which is a 413."""
    messages = DOCUMENT["components"]["schemas"]["MessagesRequest"]["properties"]["messages"]
    assert (messages["description"], messages.get("maxItems")) == ("At most 4096.", None)
    assert '"maxItems": 16' in json.dumps(DOCUMENT)


def test_the_document_is_served(api: Api) -> None:
    assert api.http.simulate_get("/openapi.json").json == json.loads(json.dumps(DOCUMENT))


class Page(HTMLParser):
    """What a page would load, run, and link to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag in ("script", "link", "img", "iframe") or "src" in found or any(name.startswith("on") for name in found):
            self.loads.append(tag)
        if tag == "a":
            self.links.append(found["href"])
        if "id" in found:
            self.ids.add(found["id"])


def test_the_page_loads_nothing_and_its_links_lead_somewhere(api: Api) -> None:
    result = api.http.simulate_get("/docs")
    assert result.headers["content-type"].startswith("text/html")
    found = Page(result.text)
    assert found.loads == []
    assert "://" not in result.text
    assert {link.removeprefix("#") for link in found.links if link.startswith("#")} <= found.ids
    (style,) = re.findall(r"<style>(.*?)</style>", result.text, re.DOTALL)
    assert base64.b64encode(sha256(style.encode()).digest()).decode() in result.headers["content-security-policy"]
    assert "default-src 'none'" in result.headers["content-security-policy"]
    assert "<code>x-api-key</code>" in result.text
    for path in ("/v1/chat/completions", "/v1/models/{name}", "/metrics"):
        assert f"<code>{path}</code>" in result.text


def test_the_page_escapes_what_it_shows() -> None:
    evil = "<script>alert(1)</script>"
    changed = {**DOCUMENT, "info": {"title": evil, "version": evil, "description": evil}}
    changed["components"] = {"schemas": {evil: {"description": evil, "properties": {evil: {"enum": [evil]}}}}}
    assert "<script" not in page(changed)
