"""Raw completions, models, health, CORS, and the document of the parameters."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import openai.types
import pytest

from services.api.dialects.common import foreign, foreign_data, foreign_fields
from services.api.dialects.common.parameters import own_fields
from services.api.dialects.openai.requests import IGNORED
from services.api.dialects.openai.types import ChatRequest, CompletionRequest
from services.api.http.notices import HEADERS
from tests.engines import ROOT, write_fake_model
from tests.http.bodies import CHAT
from tests.http.conftest import Api, chunks

USER = "user-0123456789abcdef"


def test_a_raw_completion(api: Api) -> None:
    body = api.text("once").json
    assert body["object"] == "text_completion"
    assert body["id"].startswith("cmpl-")
    assert body["choices"] == [{"index": 0, "text": "You said: once", "logprobs": None, "finish_reason": "stop"}]


def test_several_prompts_are_several_choices(api: Api) -> None:
    body = api.text(["a", "b"], n=2, echo=True).json
    assert [choice["text"] for choice in body["choices"]] == ["aYou said: a"] * 2 + ["bYou said: b"] * 2


@pytest.mark.parametrize("prompt", ["", [""], ["a", ""], [], [[]], ["a", []], ["a"] * 129])
def test_an_empty_prompt_is_none_and_so_are_too_many(api: Api, prompt: object) -> None:
    result = api.text(prompt)
    assert (result.status_code, result.json["error"]["param"]) == (400, "prompt")


def test_a_raw_completion_streams(api: Api) -> None:
    events = chunks(api.text("once", stream=True, echo=True))
    assert [event["choices"][0]["text"] for event in events[:-1]] == ["once", "You said: once", ""]
    assert events[-2]["choices"][0]["finish_reason"] == "stop"
    assert events[-1] is None


def test_tags_in_a_raw_completion_stay(api: Api) -> None:
    assert api.text('{"text": "<think>a</think>b"}').json["choices"][0]["text"] == "<think>a</think>b"


def test_models(api: Api) -> None:
    body = api.http.simulate_get("/v1/models").json
    assert body["object"] == "list"
    (model,) = body["data"]
    assert model["id"] == "fake"
    assert model["object"] == "model"
    assert model["context_length"] == 4096
    assert api.http.simulate_get("/v1/models/FAKE").json == model
    missing = api.http.simulate_get("/v1/models/nothing")
    assert missing.status_code == 404
    assert missing.json["error"]["code"] == "model_not_found"


def test_select_and_unload(api: Api) -> None:
    assert api.post("/v1/models/select", {"model": "fake"}).json == {"status": "loaded", "model": "fake"}
    assert api.http.simulate_get("/health").json["current_model"] == "fake"
    assert api.post("/v1/models/unload", b"").json == {"status": "unloaded", "model": "fake", "models": ["fake"]}
    assert api.post("/v1/models/unload", b"").json == {"status": "unloaded", "model": None, "models": []}
    assert api.post("/v1/models/select", {"model": "nothing"}).status_code == 404


def test_health(api: Api) -> None:
    body = api.http.simulate_get("/health").json
    assert body["status"] == "ok"
    assert body["models_available"] == 1
    assert body["active_request"] is None
    assert body["current_model"] is None
    assert body["process_healthy"] is False


def test_only_an_administrator_sees_files_and_processes(make: Callable[..., Api], tmp_path: Path) -> None:
    (write_fake_model(tmp_path, "broken") / "model.yaml").write_text("context_length: many")
    write_fake_model(tmp_path, "fake")
    secret = tmp_path / "admin_key"
    secret.write_text("admin-0123456789abcdef")
    secret.chmod(0o644)
    api = make(api_key="user-0123456789abcdef", admin_key_file=secret)

    def reports(key: str) -> list[Any]:
        headers = {"Accept": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        assert api.post("/v1/chat/completions", CHAT, headers={"Authorization": f"Bearer {USER}"}).status_code == 200
        return [api.http.simulate_get(path, headers=headers) for path in ("/health", "/ready", "/")]

    for key in ("", USER, "unknown-0123456789"):
        for result in reports(key):
            assert (result.status_code, result.json["models_available"]) == (200, 1)
            assert result.json["problems"] == [
                "2 problem(s). An administrator's key shows them here, and the log has them."
            ]
            assert str(tmp_path) not in result.text
            assert (result.json.get("engine_pid"), result.json.get("active_request")) == (None, None)
    for result in reports("admin-0123456789abcdef"):
        assert "broken" in result.json["problems"][0]
        assert result.json["problems"][1].endswith(f"chmod o-rwx {secret}")
        assert result.json.get("engine_pid", 1)


def test_ready_needs_a_model(make: Callable[..., Api], tmp_path: Path) -> None:
    api = make()
    assert api.http.simulate_get("/ready").status_code == 503
    write_fake_model(tmp_path, "vectors", settings="capabilities: [embedding]")
    assert api.http.simulate_get("/ready").status_code == 503
    write_fake_model(tmp_path, "fake")
    assert api.http.simulate_get("/ready").json["ready"] is True


def test_a_model_for_an_engine_that_is_not_here_is_a_503(api: Api, tmp_path: Path) -> None:
    (tmp_path / "fake" / "model.yaml").write_text("engine: warp")
    result = api.chat()
    assert result.status_code == 503
    assert "'warp'" in result.json["error"]["message"]


def test_models_are_listed_for_openais_and_anthropics_clients(api: Api) -> None:
    body = api.http.simulate_get("/v1/models").json
    (model,) = body["data"]
    assert openai.types.Model.model_validate(model).id == "fake"
    assert (model["type"], model["display_name"]) == ("model", model["name"])
    assert datetime.fromisoformat(model["created_at"]).timestamp() == model["created"]
    assert (body["has_more"], body["first_id"], body["last_id"]) == (False, "fake", "fake")


def test_a_file_from_the_far_future_is_listed(api: Api, tmp_path: Path) -> None:
    os.utime(next(tmp_path.glob("fake/*.gguf")), (2**36, 2**36))
    assert api.http.simulate_get("/v1/models").status_code == 200


def test_a_name_from_ollamas_list_is_known_everywhere(api: Api) -> None:
    (listed,) = api.http.simulate_get("/api/tags").json["models"]
    assert api.chat(model=listed["name"]).json["model"] == "fake"
    assert api.http.simulate_get(f"/v1/models/{listed['name']}").json["id"] == "fake"


def test_cors_is_off_by_default_and_a_setting(api: Api, make: Callable[..., Api]) -> None:
    headers = {"Origin": "http://page.example"}
    assert "access-control-allow-origin" not in api.http.simulate_get("/health", headers=headers).headers
    allowed = make(cors_origins=("http://page.example",)).http.simulate_get("/health", headers=headers)
    assert allowed.headers["access-control-allow-origin"] == "http://page.example"
    anyone = make(cors_origins=("*",)).http.simulate_get("/health", headers=headers)
    assert anyone.headers["access-control-allow-origin"] == "*"
    exposed = anyone.headers["access-control-expose-headers"].split(", ")
    assert {"X-Request-Id", "Retry-After", *HEADERS.values()} == set(exposed)


def test_the_document_lists_every_parameter_as_it_is() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (yes)? ?\| (yes)? ?\| (\w+)", page, re.M)
    documented = {name: (bool(chat), bool(text), kind) for name, chat, text, kind in rows}
    others = set(re.findall(r"`(\w+)`", page.partition("<!-- foreign: ")[2].partition("\n\n")[0]))
    assert others == set(foreign_fields.IGNORED)
    own = {kind: own_fields(kind, foreign.ForeignParameters) for kind in (ChatRequest, CompletionRequest)}
    chat, text = (set(kind.__struct_fields__) - (others - names) for kind, names in own.items())
    assert {name for name, (in_chat, _, _) in documented.items() if in_chat} == chat
    assert {name for name, (_, in_text, _) in documented.items() if in_text} == text
    assert {name for name, (_, _, kind) in documented.items() if kind == "ignored"} == set(IGNORED)
    data = set(re.findall(r"`(\w+)`", page.partition("<!-- data: ")[2].partition("\n\n")[0]))
    assert data - {"float"} == set(foreign_data.IGNORED)


def test_a_machine_without_room_is_no_bug_of_the_server(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_pipe() -> tuple[int, int]:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(os, "pipe", no_pipe)
    result = api.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]})
    assert (result.status_code, result.headers["retry-after"]) == (503, "5")
    assert "Cannot allocate memory" in result.json["error"]["message"]
