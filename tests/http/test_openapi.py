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

from services.api.dialects.anthropic import schemas as sm
from services.api.dialects.ollama import schemas as so
from services.api.dialects.openai import schemas as s
from services.api.dialects.openai import schemas_vectors as sv
from services.api.dialects.openai.schemas import Exact
from services.api.dialects.responses import schemas as sr
from services.api.http.operation import Operation
from services.api.openapi.document import document, schema_of_example
from services.api.openapi.operations import OPERATIONS
from services.api.openapi.page import page
from tests.engines import write_fake_model
from tests.http.conftest import Api, chunks

USER, ADMIN = "user-0123456789abcdef", "admin-0123456789abcdef"
DOCUMENT = document(OPERATIONS)
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
    ids = [operation["operationId"] for _, _, operation in described()]
    assert len(set(ids)) == len(ids)


@pytest.fixture
def guarded(make: Callable[..., Api], tmp_path: Path) -> Api:
    write_fake_model(tmp_path, "fake")
    return make(api_key=USER, admin_key=ADMIN, metrics_public=False)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_who_may_ask_is_as_described(guarded: Api, operation: Operation) -> None:
    """Without a key, with a user's, with an administrator's; the body is none, so what is allowed is refused later."""
    for path in operation.paths:
        check_access(guarded, operation, path)


def check_access(guarded: Api, operation: Operation, path: str) -> None:
    address = re.sub(r"\{\w+\}", "nothing", path)

    def status(key: str = "") -> int:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return guarded.http.simulate_request(operation.method.upper(), address, headers=headers).status_code

    keyless, user, admin = status(), status(USER), status(ADMIN)
    assert (keyless == 401) == (operation.access != "open" or path == "/metrics")
    assert (user == 403) == (operation.access == "admin")
    assert admin not in (401, 403)
    assert {keyless, user, admin} <= {200, *operation.errors}


HI = {"messages": [{"role": "user", "content": "hi"}]}
THOUGHT = {"messages": [{"role": "user", "content": '{"text": "<think>a</think>b"}'}]}


@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("POST", "/v1/chat/completions", HI, s.ChatCompletion),
        ("POST", "/v1/chat/completions", {**THOUGHT, "n": 2}, s.ChatCompletion),
        ("POST", "/v1/completions", {"prompt": "hi", "echo": True}, s.TextCompletion),
        ("POST", "/v1/rag/preview", HI, s.Preview),
        ("POST", "/v1/models/select", {"model": "fake"}, s.Loaded),
        ("POST", "/v1/models/unload", None, s.Unloaded),
        ("GET", "/v1/models", None, s.ModelList),
        ("GET", "/v1/models/fake", None, s.ModelEntry),
        ("GET", "/", None, s.HealthReport),
        ("GET", "/ready", None, s.ReadyReport),
        ("GET", "/v1/models/nothing", None, s.Error),
        ("POST", "/v1/chat/completions", {}, s.Error),
        ("POST", "/api/nothing", {}, s.OllamaError),
        ("POST", "/v1/messages/nothing", {}, s.AnthropicError),
        ("POST", "/v1/models/unload", {"model": "fake"}, s.Unloaded),
        ("POST", "/v1/responses", {"input": "hi"}, sr.ResponseAnswer),
        ("POST", "/v1/responses", {"input": THOUGHT["messages"]}, sr.ResponseAnswer),
        ("POST", "/v1/embeddings", {"input": ["hi"]}, sv.EmbeddingList),
        ("POST", "/v1/embeddings", {"input": "hi", "encoding_format": "base64"}, sv.EmbeddingList),
        ("POST", "/v1/rerank", {"query": "hi", "documents": ["a"], "return_documents": True}, sv.Ranking),
        ("POST", "/api/embed", {"input": "hi"}, so.Embedded),
        ("POST", "/api/embeddings", {"prompt": "hi"}, so.Vector),
        ("POST", "/v1/responses/input_tokens", {"input": "hi"}, sr.InputTokens),
        ("POST", "/v1/messages", {**HI, "max_tokens": 9}, sm.MessageAnswer),
        ("POST", "/v1/messages", {**THOUGHT, "max_tokens": 9}, sm.MessageAnswer),
        ("POST", "/v1/messages", {**HI, "max_tokens": -9}, s.AnthropicError),
        ("POST", "/api/chat", {**HI, "stream": False}, so.Chatted),
        ("POST", "/api/chat", {**THOUGHT, "stream": False}, so.Chatted),
        ("POST", "/api/chat", {"model": "fake"}, so.Chatted),
        ("POST", "/api/generate", {"prompt": "hi", "stream": False}, so.Generated),
        ("POST", "/api/generate", {"model": "fake", "keep_alive": 0}, so.Generated),
        ("POST", "/api/show", {"model": "fake"}, so.Shown),
        ("GET", "/api/tags", None, so.TagList),
        ("GET", "/api/ps", None, so.RunningList),
        ("GET", "/api/version", None, so.Release),
    ],
)
def test_answers_are_as_described(
    api: Api, tmp_path: Path, method: str, path: str, body: Any, kind: type[Exact]
) -> None:
    (tmp_path / "fake" / "model.yaml").write_text("capabilities: [chat, completion, embedding, rerank]")
    text = None if body is None else json.dumps(body)
    result = api.http.simulate_request(method, path, body=text)
    assert msgspec.convert(result.json, kind)


@pytest.mark.parametrize("body", [HI, THOUGHT, {**HI, "stream_options": {"include_usage": True}}])
def test_events_are_as_described(api: Api, body: dict[str, Any]) -> None:
    events = chunks(api.post("/v1/chat/completions", {**body, "stream": True}))
    assert len(msgspec.convert(events[:-1], list[s.ChatCompletionChunk])) > 2
    lines = [json.loads(line) for line in api.post("/api/chat", body).text.splitlines()]
    assert len(msgspec.convert(lines, list[so.Chatted])) > 1
    text = chunks(api.text(**{"stream": True, "echo": True}))
    assert len(msgspec.convert(text[:-1], list[s.TextCompletionChunk])) > 2


def test_bounds_of_long_lists_are_in_words() -> None:
    """A body beyond them may be refused for its size first, which is a 413."""
    messages = DOCUMENT["components"]["schemas"]["MessagesRequest"]["properties"]["messages"]
    assert (messages["description"], messages.get("maxItems")) == ("At most 4096.", None)
    assert '"maxItems": 16' in json.dumps(DOCUMENT)


def test_the_document_is_served(api: Api) -> None:
    assert api.http.simulate_get("/openapi.json").json == json.loads(json.dumps(DOCUMENT))


def test_an_example_stands_for_its_shape() -> None:
    schema = schema_of_example({"a": 1, "b": [{"c": "x", "d": 1.5}], "e": None, "f": [], "g": True})
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"a": 2, "b": [], "e": "any", "f": [1], "g": False}, schema)
    for wrong in ({}, {"a": "x", "b": [], "e": 1, "f": [], "g": True}, {"a": 1, "b": [{}], "e": 1, "f": [], "g": True}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


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
    for path in ("/v1/chat/completions", "/v1/models/{name}", "/metrics"):
        assert f"<code>{path}</code>" in result.text


def test_the_page_escapes_what_it_shows() -> None:
    evil = "<script>alert(1)</script>"
    changed = {**DOCUMENT, "info": {"title": evil, "version": evil, "description": evil}}
    changed["components"] = {"schemas": {evil: {"description": evil, "properties": {evil: {"enum": [evil]}}}}}
    assert "<script" not in page(changed)
