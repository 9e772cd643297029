"""Who may come in, and how a refusal looks in each dialect."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.api.app import build
from services.core.settings import Settings
from tests.engines import FAKES, write_fake_model
from tests.http.conftest import Api

USER, ADMIN = "user-0123456789abcdef", "admin-0123456789abcdef"

CHAT = "/v1/chat/completions"
HI: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
ADMIN_PATHS = ("/v1/models/select", "/models/select", "/v1/models/unload", "/v1/rag/preview")


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture(scope="module")
def with_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Yield one application with keys for all tests of this module."""
    folder = tmp_path_factory.mktemp("models")
    write_fake_model(folder, "fake")
    app = build(Settings(models_dir=folder, monitor_interval=3600, api_key=USER, admin_key=ADMIN), FAKES)
    yield Api(app)
    app.stop()


def test_without_configured_keys_requests_need_none(api: Api) -> None:
    assert api.chat().status_code == 200
    assert api.post(CHAT, HI, headers=bearer("unused")).status_code == 200
    assert api.post("/v1/models/unload", b"").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("wrong"),
        bearer(""),
        bearer(USER + "x"),
        {"Authorization": USER},
        {"Authorization": "Basic " + USER},
        {"Authorization": ""},
        {"x-api-key": "wrong"},
        {"Authorization": "Bearer wrong", "x-api-key": USER},
    ],
)
def test_no_key_and_wrong_keys_are_a_401(with_keys: Api, headers: dict[str, str]) -> None:
    for path in (CHAT, "/v1/models", "/v1/models/unload", "/nothing"):
        for result in (with_keys.post(path, b"{", headers=headers), with_keys.http.simulate_get(path, headers=headers)):
            assert result.status_code == 401, path
            assert result.headers["www-authenticate"] == "Bearer"
            assert result.json["error"]["code"] == "invalid_api_key"
            assert "Bearer KEY" in result.json["error"]["message"]
            assert USER not in result.text


def test_refused_keys_are_counted(make: Callable[..., Api]) -> None:
    with_keys = make(api_key=USER, admin_key=ADMIN)
    with_keys.post(CHAT, HI, headers=bearer("wrong"))
    with_keys.post("/v1/models/unload", b"", headers=bearer(USER))
    registry = with_keys.app.service.metrics.registry
    counted = [sample for family in registry.collect() for sample in family.samples]
    found = [s.labels["status"] for s in counted if s.name == "rkllm_http_requests_total" and s.value == 1]
    assert sorted(found) == ["401", "403"]


@pytest.mark.parametrize("headers", [bearer(USER), {"Authorization": f"bearer  {USER} "}, {"x-api-key": USER}])
def test_a_good_key_opens(with_keys: Api, headers: dict[str, str]) -> None:
    assert with_keys.post(CHAT, HI, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ADMIN_PATHS)
def test_a_user_key_on_an_admin_route_is_a_403(with_keys: Api, path: str) -> None:
    body = {"model": "fake", **HI}
    result = with_keys.post(path, body, headers=bearer(USER))
    assert result.status_code == 403
    assert result.json["error"]["code"] == "insufficient_permissions"
    assert "'api_key'" in result.json["error"]["message"]
    assert with_keys.post(path, body, headers=bearer(ADMIN)).status_code == 200


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_ollama_s_way_to_unload_is_for_administrators(with_keys: Api, path: str) -> None:
    for body, user in (({"model": "fake"}, 200), ({"model": "fake", "keep_alive": 0}, 403)):
        assert with_keys.post(path, body, headers=bearer(USER)).status_code == user
        assert with_keys.post(path, body, headers=bearer(ADMIN)).status_code == 200


@pytest.mark.parametrize("keep_alive", [0, -1, "1ms", 3600])
def test_a_user_s_key_neither_unloads_nor_pins_a_model(with_keys: Api, keep_alive: float | str) -> None:
    def left(key: str) -> float:
        asked = {"model": "fake", "stream": False, "keep_alive": keep_alive, "messages": HI["messages"]}
        result = with_keys.post("/api/chat", asked, headers=bearer(key))
        assert result.status_code == 200
        assert ("ignored: keep_alive (" in result.headers.get("x-rkllm-warning", "")) is (key == USER)
        return with_keys.app.service.scheduler.status().models.get("fake", 0.0)

    assert 1 < left(USER) <= 300  # the default of idle_unload_timeout
    assert not 1 < left(ADMIN) <= 300


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_a_user_s_key_loads_a_model_for_the_servers_own_time(with_keys: Api, path: str) -> None:
    result = with_keys.post(path, {"model": "fake", "keep_alive": -1}, headers=bearer(USER))
    assert "ignored: keep_alive (" in result.headers["x-rkllm-warning"]
    assert with_keys.app.service.scheduler.status().models["fake"] <= 300


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/api/chat", lambda body: isinstance(body["error"], str)),
        ("/v1/messages", lambda body: body["type"] == "error" and body["error"]["type"] == "authentication_error"),
    ],
)
def test_each_dialect_has_its_own_shape_of_a_401(with_keys: Api, path: str, shape: Callable[[Any], bool]) -> None:
    result = with_keys.post(path, {})
    assert result.status_code == 401
    assert shape(result.json)


@pytest.mark.parametrize("path", ["/", "/health", "/health/", "/v1/health", "/ready", "/v1/ready", "/metrics"])
def test_probes_are_open(with_keys: Api, path: str) -> None:
    assert with_keys.http.simulate_get(path).status_code == 200


@pytest.mark.parametrize("path", ["//health", "/health/..", "/health;x", "/HEALTH", "/v1//health", "/metrics/x"])
def test_what_looks_like_a_probe_is_none(with_keys: Api, path: str) -> None:
    assert with_keys.http.simulate_get(path).status_code == 401


def test_metrics_may_need_a_key(make: Callable[..., Api]) -> None:
    api = make(api_key=USER, metrics_public=False)
    assert api.http.simulate_get("/metrics").status_code == 401
    assert api.http.simulate_get("/metrics", headers=bearer(USER)).status_code == 200


@pytest.mark.parametrize(
    "query", [f"api_key={USER}", f"key={USER}", f"token={USER}", "other=rk-something", "a=1&a=rk-x", f"API-KEY={USER}"]
)
def test_a_key_in_the_address_is_refused_and_not_logged(
    with_keys: Api, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for headers in ({}, bearer(USER)):
        result = with_keys.http.simulate_get("/v1/models", query_string=query, headers=headers)
        assert result.status_code == 400
        assert "revoke that key" in result.json["error"]["message"]
        assert USER not in result.text
    assert "path=/v1/models status=400" in caplog.text
    assert USER not in caplog.text


def test_the_log_shows_the_name_and_never_the_key(with_keys: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with_keys.post(CHAT, HI, headers=bearer(USER))
    with_keys.post("/v1/models/unload", b"", headers=bearer(ADMIN))
    with_keys.post(CHAT, {}, headers=bearer("somebody-elses-key"))
    assert "key=api_key" in caplog.text
    assert "key=admin_key" in caplog.text
    for secret in (USER, ADMIN, "somebody-elses-key"):
        assert secret not in caplog.text


def test_anonymous_users_are_no_administrators(make: Callable[..., Api], tmp_path: Path) -> None:
    write_fake_model(tmp_path, "fake")
    api = make(host="0.0.0.0", allow_anonymous=True, admin_key=ADMIN)
    assert api.chat().status_code == 200
    assert api.post("/v1/models/unload", b"").status_code == 403
    assert api.post("/v1/models/unload", b"", headers=bearer("wrong")).status_code == 401
    assert api.post("/v1/models/unload", b"", headers=bearer(ADMIN)).status_code == 200
    assert make(host="0.0.0.0", allow_anonymous=True).post("/v1/models/unload", b"").status_code == 403


@pytest.mark.parametrize("header", ["Basic dXNlcjpwYXNz", "Bearer sk-anything", ""])
def test_without_keys_the_header_is_of_no_concern(make: Callable[..., Api], tmp_path: Path, header: str) -> None:
    """A proxy in front passes its own passwords on; a client must send some key."""
    write_fake_model(tmp_path, "fake")
    body = b'{"messages": [{"role": "user", "content": "hello"}]}'
    assert make().post(CHAT, body, headers={"Authorization": header}).status_code == 200


def test_a_preflight_of_a_browser_needs_no_key(make: Callable[..., Api]) -> None:
    api = make(api_key=USER, cors_origins=("http://page.example",))
    headers = {"Origin": "http://page.example", "Access-Control-Request-Method": "POST"}
    asked = api.http.simulate_options(CHAT, headers=headers)
    assert asked.status_code == 200
    assert "POST" in asked.headers["access-control-allow-methods"]
    refused = api.post(CHAT, {}, headers=headers)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "http://page.example"


def test_a_priority_that_is_none_is_refused(api: Api) -> None:
    result = api.post(CHAT, HI, headers={"X-RKLLM-Priority": "urgent"})
    assert result.status_code == 400
    assert "interactive or background" in result.json["error"]["message"]


@pytest.mark.parametrize("query", ["%ff=%00", "a=%ED%A0%80", "&&==;", "key", "key=", "a[]=1&a[b]=2", "a=" + "x" * 5000])
def test_odd_addresses_are_no_server_errors(with_keys: Api, query: str) -> None:
    result = with_keys.http.simulate_get("/v1/models", query_string=query, headers=bearer(USER))
    assert result.status_code in (200, 400)


@pytest.mark.parametrize("secret", ["\xff\xfe", "k\tey", "x" * 5000, "Bearer " + USER, f"{USER},{USER}"])
def test_odd_keys_are_a_401(with_keys: Api, secret: str) -> None:
    for headers in (bearer(secret), {"x-api-key": secret}):
        assert with_keys.http.simulate_get("/v1/models", headers=headers).status_code == 401
