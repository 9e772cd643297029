"""A web page must not act for the person in front of it: names, origins and content types without keys."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import falcon.testing
import pytest

from services.api.app import build
from services.api.http import origin
from services.api.http.endpoint import Operation
from services.core.settings import Settings
from tests.engines import FAKES, write_fake_model
from tests.http.bodies import BODIES, OPERATIONS, good
from tests.http.conftest import Api

JSON = "application/json"
CHANGES = [pair for pair in OPERATIONS if pair[0] in ("POST", "DELETE")]
FOREIGN = "http://attacker.example"
Headers = dict[str, str]


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Yield one application without keys, which a page of one other origin may use."""
    folder = tmp_path_factory.mktemp("models")
    write_fake_model(folder, "fake", settings="capabilities: [chat, completion, embedding, rerank]")
    settings = Settings(
        models_dir=folder, monitor_interval=3600, allowed_hosts=("box.example",), cors_origins=("http://page.example",)
    )
    app = build(settings, FAKES)
    yield Api(app)
    app.stop()


def ask(api: Api, path: str = "/api/show", **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    result = api.post(path, BODIES.get(path, {}), headers=named)
    if result.status_code == 403:
        found = result.json["error"]
        assert "keys" in (found if isinstance(found, str) else found["message"]) or "json" in str(found)
    return result.status_code


OWN = ["localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1:8000", "[::1]:8000", "10.0.0.7", "box.example:8000",
       "host.docker.internal:8000", socket.gethostname(), f"{socket.gethostname()}.local"]  # fmt: skip
STRANGE = ["attacker.example", "attacker.example:8000", "localhost.attacker.example", "127.0.0.1.attacker.example", "[",
           "notlocalhost", "box.example.attacker.example", "127.0.0.1@attacker.example", ":8000"]  # fmt: skip


@pytest.mark.parametrize("host", OWN)
def test_names_of_this_computer_are_taken(keyless: Api, host: str) -> None:
    assert ask(keyless, Host=host) == 200


@pytest.mark.parametrize("host", STRANGE)
def test_other_names_may_be_a_rebound_dns(keyless: Api, host: str) -> None:
    assert ask(keyless, Host=host) == 403
    assert ask(keyless, Host=host, Origin=f"http://{host}") == 403
    assert keyless.http.simulate_get("/v1/models", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize(
    ("version", "page", "status"), [("1.1", {}, "400"), ("1.0", {}, "200"), ("1.0", {"HTTP_ORIGIN": FOREIGN}, "403")]
)
def test_only_the_oldest_http_needs_no_host(keyless: Api, version: str, page: Headers, status: str) -> None:
    env = falcon.testing.create_environ("/v1/models", http_version="1.0")
    assert "HTTP_HOST" not in env
    statuses: list[str] = []
    keyless.app(env | page | {"SERVER_PROTOCOL": f"HTTP/{version}"}, lambda given, *more: statuses.append(given))
    assert [given[:3] for given in statuses] == [status]


def test_a_computer_has_its_name_in_private_networks_too() -> None:
    assert {"box", "box.example.org", "box.local", "box.lan"} <= set(origin.names_of("Box.example.org"))


@pytest.mark.parametrize("pair", CHANGES)
def test_no_foreign_page_reaches_a_route_that_changes_something(keyless: Api, pair: tuple[str, str]) -> None:
    method, path = pair
    operation: Operation = OPERATIONS[pair]
    body = json.dumps(good(path) if operation.request and path in BODIES else {"model": "fake"})
    marks: list[Headers] = [
        {"Origin": FOREIGN},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Referer": f"{FOREIGN}/page.html"},
    ]
    for mark in marks:
        for kind in ("text/plain", "application/x-www-form-urlencoded", JSON):
            headers = {**mark, "Content-Type": kind}
            result = keyless.http.simulate_request(method, path.replace("{digest}", "x"), body=body, headers=headers)
            assert result.status_code == 403, f"{mark} {kind}"
    assert ask(keyless) == 200, "the model is still there"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "text/plain;charset=UTF-8"},
        {"Content-Type": JSON, "Origin": "http://localhost"},
        {"Content-Type": "Application/JSON; charset=utf-8", "Referer": "http://localhost/docs"},
        {"Content-Type": JSON, "Origin": "http://page.example", "Sec-Fetch-Site": "cross-site"},
        {"Content-Type": JSON, "Origin": "app://obsidian.md", "Sec-Fetch-Site": "cross-site"},
        {"Content-Type": JSON, "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_programs_and_own_pages_are_served(keyless: Api, headers: Headers) -> None:
    """The first ones are what curl and Node send with JSON."""
    assert keyless.post("/api/show", good("/api/show"), headers=headers).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_of_an_own_page_is_no_json(keyless: Api, kind: str) -> None:
    headers = {"Content-Type": kind, "Origin": "http://localhost"}
    assert keyless.post("/api/show", good("/api/show"), headers=headers).status_code == 403


def test_links_may_be_followed_and_pictures_may_not_be_loaded(keyless: Api) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert keyless.http.simulate_get("/docs", headers=link).status_code == 200
    assert keyless.http.simulate_get("/docs", headers={**link, "Sec-Fetch-Dest": "iframe"}).status_code == 403
    assert keyless.http.simulate_get("/v1/models", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_refusal_has_the_shape_of_its_dialect(keyless: Api) -> None:
    foreign = {"Origin": FOREIGN}
    assert "cors_origins" in keyless.post("/api/show", {}, headers=foreign).json["error"]
    assert keyless.post("/v1/messages", {}, headers=foreign).json["error"]["type"] == "permission_error"
    assert "allowed_hosts" in keyless.post("/v1/models/unload", {}, headers={"Host": "a.example"}).text


def test_with_a_key_it_does_not_matter_who_asks(make: Callable[..., Api], tmp_path: Path) -> None:
    write_fake_model(tmp_path, "fake")
    key = "user-0123456789abcdef"
    marks = {"Host": "api:8000", "Origin": FOREIGN, "Sec-Fetch-Site": "cross-site", "Authorization": f"Bearer {key}"}
    assert make(api_key=key).post("/api/show", good("/api/show"), headers=marks).status_code == 200
    both = make(api_key=key, allow_anonymous=True)
    assert both.post("/api/show", good("/api/show"), headers=marks).status_code == 200
    assert both.post("/api/show", good("/api/show"), headers={**marks, "Authorization": ""}).status_code in (401, 403)
    assert both.post("/api/show", good("/api/show"), headers={"Origin": FOREIGN}).status_code == 403


def test_every_name_may_be_allowed(make: Callable[..., Api]) -> None:
    headers = {"Host": "any.example"}
    assert make(allowed_hosts=("*",)).http.simulate_get("/health", headers=headers).status_code == 200


def test_every_answer_tells_browsers_and_caches_to_keep_their_hands_off(keyless: Api) -> None:
    for path in ("/v1/models", "/nothing", "/docs", "/metrics"):
        headers = keyless.http.simulate_get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["cache-control"] == "no-store", path
        assert headers["vary"] == "Origin", path
